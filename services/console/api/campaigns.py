"""The JSON API of campaigns: the same reads and actions as their pages."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from common.clock import iso
from common.ledger import keys
from common.versions.in_force import VersionAction
from services.console.api import campaign_models as models
from services.console.api.models import DecisionResult
from services.console.api.replies import answer, limit_of, read_body
from services.console.campaigns.board import Board
from services.console.campaigns.details import CampaignDetails, read_all_details, read_details
from services.console.campaigns.gallery import GalleryMail, read_gallery
from services.console.campaigns.sending_rates import SendingRates
from services.console.campaigns.version_changes import VERSION_ACTIONS, Proposal, change_version, propose
from services.console.context import CONTEXT
from services.console.pages.campaigns import read_rates, unread_bookings
from services.console.pages.unread_bookings import discard_events
from services.console.paging import first_of
from services.web.problem import Problem


async def campaigns(request: web.Request) -> web.Response:
    context = request.app[CONTEXT]
    listed = [models.CampaignItem(**_item(one)) for one in await read_all_details(context)]
    return answer(models.Campaigns(is_complete=context.people.is_complete, campaigns=listed))


async def campaign(request: web.Request) -> web.Response:
    context = request.app[CONTEXT]
    found = await read_details(context, request.match_info["name"])
    compiled, rates = found.campaign.compiled, await read_rates(context)
    return answer(
        models.CampaignDetails(
            **_item(found),
            opens=compiled.opens,
            closes=compiled.closes,
            timezone=compiled.timezone,
            window=found.window,
            following=found.is_following,
            log=[
                models.VersionEntry(
                    version=one.version, source=one.source, action=one.action, by=one.by, at=iso(one.at_ms)
                )
                for one in found.log
            ],
            steps=[
                models.CampaignStep(mail=one.id, name=one.name, offset_ms=one.offset_ms, when=one.when)
                for one in (*found.steps, *found.others)
            ],
            board=_board(found.board),
            rates=_rates(rates) if rates is not None else None,
            unread_bookings=await unread_bookings(context),
        )
    )


async def gallery(request: web.Request) -> web.Response:
    found = await read_gallery(request.app[CONTEXT], request.match_info["name"], request.query)
    return answer(models.Gallery(version=found.campaign.version, mails=[_mail(one) for one in found.mails]))


async def plan(request: web.Request) -> web.Response:
    """Return the plan of the action that the query names: `apply` (default) or `rollback`."""
    name, send_late = request.match_info["name"], request.query.get("late") == "yes"
    action = _action(request.query.get("action", "apply"))
    return answer(_plan(await propose(request.app[CONTEXT], name, action, send_late=send_late)))


async def change(request: web.Request) -> web.Response:
    """Apply or roll back. The status is 200 even if nothing was done; `answer` then says why."""
    given = await read_body(request, models.VersionChoice)
    outcome = await change_version(
        request.app[CONTEXT],
        request.match_info["name"],
        _action(request.match_info["action"]),
        source=given.source,
        target=given.target,
        send_late=given.late,
    )
    return answer(DecisionResult(done=outcome.is_done, answer=outcome.answer, message=outcome.message))


async def unread(request: web.Request) -> web.Response:
    ledger = request.app[CONTEXT].ledger
    events = await ledger.unread_bookings.newest(first=first_of(request), number=limit_of(request))
    return answer(
        models.UnreadBookings(
            total=int(await ledger.client.zcard(keys.UNREAD_BOOKINGS)),
            events=[
                models.UnreadBooking(id=one.id, received=iso(one.received_ms), reason=one.reason, raw=one.raw)
                for one in events
            ],
        )
    )


async def discard_unread(request: web.Request) -> web.Response:
    given = await read_body(request, models.UnreadBookingChoice)
    return answer(models.Discarded(discarded=await discard_events(request.app[CONTEXT], given.ids)))


def _action(text: str) -> VersionAction:
    found = next((one for one in VERSION_ACTIONS if one == text), None)
    if found is None:
        raise Problem(404, f"The actions are {', '.join(VERSION_ACTIONS)}.", title="No such action")
    return found


def _item(found: CampaignDetails) -> dict[str, Any]:
    return {
        "campaign": found.campaign.key,
        "name": found.campaign.name,
        "version": found.campaign.version,
        "languages": [*found.campaign.languages],
        "open": found.is_open,
        "paused": found.pause is not None,
        "files_differ": found.files_differ,
        "people": found.board.total.people,
        "booked": found.board.total.booked,
    }


def _board(board: Board) -> list[models.BoardRow]:
    return [
        models.BoardRow(
            step=row.step,
            status=row.query.get("status"),
            cells=[
                models.BoardCell(segment=segment, people=cell.people, booked=cell.booked)
                for segment, cell in row.cells.items()
            ],
        )
        for row in board.rows
    ]


def _rates(rates: SendingRates) -> list[models.RateItem]:
    return [
        models.RateItem(name=one.name, number=one.number, share=one.share, bound=one.bound, kept=one.is_good)
        for one in rates.rates
    ]


def _mail(shown: GalleryMail) -> models.GalleryMail:
    mail = shown.mail
    return models.GalleryMail(
        mail=shown.id,
        name=shown.name,
        about=shown.about,
        subject=mail.subject if mail else "",
        preheader=shown.preheader,
        html=mail.html if mail else "",
        text=mail.text if mail else "",
        problem=shown.problem,
    )


def _plan(proposal: Proposal) -> models.VersionPlan:
    count = proposal.count
    counted = count.plan if count else None
    return models.VersionPlan(
        campaign=proposal.source.key,
        source=proposal.source.version,
        target=proposal.target.version if proposal.target else None,
        problem=proposal.problem,
        is_complete=count is None or counted is not None,
        counted=count.people if count else 0,
        people=counted.people if counted else 0,
        changes=[models.PlannedChange(kind=one.kind, step=one.step, people=one.people) for one in counted.changes]
        if counted
        else [],
        due_at_once=counted.due_at_once if counted else 0,
        repeated=[*counted.repeated] if counted else [],
        settings=[*counted.settings] if counted else [],
        counts={step: dict(counts) for step, counts in counted.counts.items()} if counted else {},
    )
