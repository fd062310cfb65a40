"""The action log: who did what, when, on whom; newest first, with filters."""

from __future__ import annotations

from urllib.parse import urlencode

from aiohttp import web

from common.ledger.action_log import ActionFilter
from services.console.context import CONTEXT
from services.console.paging import first_of
from services.console.replies import page

PAGE_SIZE = 50
VIAS = ("console", "api", "cli")
FILTER_LENGTH_MAX = 120


async def show(request: web.Request) -> web.Response:
    ledger, first, wanted = request.app[CONTEXT].ledger, first_of(request), filter_of(request)
    found = await ledger.action_log.newest(wanted, first=first, number=PAGE_SIZE + 1)
    query = {name: getattr(wanted, name) for name in ("by", "via", "what", "on") if getattr(wanted, name)}

    def at(index: int) -> str:
        return f"/actions?{urlencode(query | {'from': index})}"

    return page(
        request,
        "actions.html",
        actions=found[:PAGE_SIZE],
        wanted=wanted,
        vias=VIAS,
        newer=at(max(0, first - PAGE_SIZE)) if first else None,
        older=at(first + PAGE_SIZE) if len(found) > PAGE_SIZE else None,
        here="/actions",
    )


def filter_of(request: web.Request) -> ActionFilter:
    """From the address of the page."""
    given = {name: request.query.get(name, "").strip()[:FILTER_LENGTH_MAX] for name in ("by", "via", "what", "on")}
    return ActionFilter(**given)
