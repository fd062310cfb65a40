"""The list of campaigns, and the page of one: version in force, cadence, people by step, delivery rates."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from aiohttp import web

from common.domain.enrollment import Status
from common.ledger import keys
from services.console.campaigns import cadence_chart
from services.console.campaigns.board import Row
from services.console.campaigns.details import CampaignDetails, read_all_details, read_details
from services.console.campaigns.sending_rates import SendingRates, rates_of
from services.console.context import CONTEXT, ConsoleContext
from services.console.pages.people import reading_of
from services.console.replies import page

LOG_SHOWN = 20


async def show_all(request: web.Request) -> web.Response:
    context = request.app[CONTEXT]
    return page(
        request,
        "campaigns.html",
        campaigns=await read_all_details(context),
        unread=await unread_bookings(context),
        unmarked=await unmarked_calls(context),
        reading=reading_of(context),
        here="/campaigns",
    )


async def show(request: web.Request) -> web.Response:
    context = request.app[CONTEXT]
    details = await read_details(context, request.match_info["name"])
    return page(
        request,
        "campaign.html",
        details=details,
        campaign=details.campaign,
        chart=cadence_chart,
        points=cadence_chart.points_of(details.steps),
        people_url=lambda row, segment="", booked="": people_url(details, row, segment, booked),
        rates=await read_rates(context),
        unread=await unread_bookings(context),
        unmarked=await unmarked_calls(context),
        held=details.board.with_status(Status.HELD),
        log_shown=LOG_SHOWN,
        reading=reading_of(context),
        here="/campaigns",
    )


async def read_rates(context: ConsoleContext) -> SendingRates | None:
    """Return the rates of the newest snapshot of the store; None if there is none yet."""
    snapshot = (await context.status_cache.newest()).snapshot
    return rates_of(snapshot.stats.deliveries) if snapshot else None


async def unread_bookings(context: ConsoleContext) -> int:
    return int(await context.ledger.client.zcard(keys.UNREAD_BOOKINGS))


async def unmarked_calls(context: ConsoleContext) -> int:
    return int(await context.ledger.client.scard(keys.UNMARKED))


def people_url(details: CampaignDetails, row: Row | None, segment: str, booked: str) -> str:
    """
    Return the URL of the list of these people; "" if no filter can show them.

    `row`: None for all rows. `segment`, `booked`: "" for any.
    """
    if row is not None and not row.query:
        return ""
    query: Mapping[str, str] = {
        "campaign": details.campaign.key,
        "segment": segment,
        **(row.query if row is not None else {}),
        "booked": booked,
    }
    return f"/people?{urlencode({name: value for name, value in query.items() if value})}"
