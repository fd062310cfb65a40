"""
The action log: who did what, when, on whom; newest first, with filters.

It has ids and no addresses. An address that somebody looks for is sent by a form, and leads to the ids of its owner.
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
        newer=address_of(wanted, start=max(0, first - PAGE_SIZE)) if first else None,
        older=address_of(wanted, start=first + PAGE_SIZE) if len(found) > PAGE_SIZE else None,
        here="/actions",
    )


async def search(request: web.Request) -> web.Response:
    """To the page of what the form asks for, with ids in place of addresses."""
    context, wanted = request.app[CONTEXT], filter_of(await request.post())
    ids = [id for text in wanted.on for id in (await ids_of(context, text) if "@" in text else [text])]
    return see_other(address_of(replace(wanted, on=tuple(dict.fromkeys(ids)))))


async def ids_of(context: ConsoleContext, address: str) -> list[str]:
    """Those that its owner has here, and those that somebody had who is forgotten."""
    known = [contact.enrollment_id for contact in await find_contacts(context.ledger, normal_address(address))]
    return [*known, *(enrollment_id(campaign, address) for campaign in context.ledger.campaigns)]


def address_of(wanted: ActionFilter, *, start: int | None = None) -> str:
    query: dict[str, Any] = {name: getattr(wanted, name) for name in ("by", "via", "what", "on")}
    query = {name: value for name, value in query.items() if value}
    query |= {"from": start} if start is not None else {}
    return f"/actions?{urlencode(query, doseq=True)}" if query else "/actions"


def filter_of(given: MultiMapping[Any]) -> ActionFilter:
    """Of a page's address, or of a form; `on`: several ids, with spaces between them or one by one."""
    texts = {name: str(given.get(name, "")).strip()[:FILTER_LENGTH_MAX] for name in ("by", "via", "what")}
    on = [one[:FILTER_LENGTH_MAX] for text in given.getall("on", []) for one in str(text).split()]
    return ActionFilter(**texts, on=tuple(on[:IDS_MAX]))
