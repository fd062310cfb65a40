"""
The action log: who did what, when, and to whom; newest first, with filters.

It contains ids and no addresses. A search for an address is sent by a form and becomes a search for its owner's ids.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from multidict import MultiMapping

from common.domain.ids import enrollment_id, normal_address
from common.ledger.action_log import ActionFilter
from common.ledger.reads.contact_timeline import find_contacts
from services.console.context import CONTEXT, ConsoleContext
from services.console.paging import first_of
from services.console.replies import page, see_other

PAGE_SIZE = 50
VIAS = ("console", "api", "cli")
FILTER_LENGTH_MAX = 120
IDS_MAX = 20


async def show(request: web.Request) -> web.Response:
    ledger, first, wanted = request.app[CONTEXT].ledger, first_of(request), filter_of(request.query)
    found = await ledger.action_log.newest(wanted, first=first, number=PAGE_SIZE + 1)
    return page(
        request,
        "actions.html",
        actions=found[:PAGE_SIZE],
        wanted=wanted,
        vias=VIAS,
        newer=actions_url(wanted, start=max(0, first - PAGE_SIZE)) if first else None,
        older=actions_url(wanted, start=first + PAGE_SIZE) if len(found) > PAGE_SIZE else None,
        here="/actions",
    )


async def search(request: web.Request) -> web.Response:
    """Redirect to the page with the filters of the form; ids replace addresses."""
    context, wanted = request.app[CONTEXT], filter_of(await request.post())
    ids = [id for text in wanted.on for id in (await ids_of(context, text) if "@" in text else [text])]
    return see_other(actions_url(replace(wanted, on=tuple(dict.fromkeys(ids)))))


async def ids_of(context: ConsoleContext, address: str) -> list[str]:
    """Return the enrollment ids of an address: those that exist, and those that it had if its owner was forgotten."""
    known = [contact.enrollment_id for contact in await find_contacts(context.ledger, normal_address(address))]
    return [*known, *(enrollment_id(campaign, address) for campaign in context.ledger.campaigns)]


def actions_url(wanted: ActionFilter, *, start: int | None = None) -> str:
    query: dict[str, Any] = {name: getattr(wanted, name) for name in ("by", "via", "what", "on")}
    query = {name: value for name, value in query.items() if value}
    query |= {"from": start} if start is not None else {}
    return f"/actions?{urlencode(query, doseq=True)}" if query else "/actions"


def filter_of(given: MultiMapping[Any]) -> ActionFilter:
    """Read the filters of a URL or a form. `on`: ids, separated by spaces or as repeated fields."""
    texts = {name: str(given.get(name, "")).strip()[:FILTER_LENGTH_MAX] for name in ("by", "via", "what")}
    on = [one[:FILTER_LENGTH_MAX] for text in given.getall("on", []) for one in str(text).split()]
    return ActionFilter(**texts, on=tuple(on[:IDS_MAX]))
