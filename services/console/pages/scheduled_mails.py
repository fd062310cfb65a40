"""The page of the mails behind a bar of the schedule: due time, recipient, and a link to the text."""

from __future__ import annotations

from urllib.parse import urlencode

from aiohttp import web

from services.console.context import CONTEXT
from services.console.mails.scheduled import find_scheduled, read_schedule_filter
from services.console.paging import first_of
from services.console.replies import page

PAGE_SIZE = 50


async def show(request: web.Request) -> web.Response:
    """Show the mails that `?campaign=`, `?segment=`, `?due_from=` and `?due_until=` (ms) select."""
    context, first = request.app[CONTEXT], first_of(request)
    wanted = read_schedule_filter(request, now_ms=context.clock.now_ms())
    mails, total = await find_scheduled(context, wanted, first=first, number=PAGE_SIZE)
    query = {
        "campaign": wanted.campaign,
        "segment": wanted.segment,
        "due_from": wanted.from_ms,
        "due_until": wanted.until_ms,
    }

    def at(index: int) -> str:
        return f"/schedule/mails?{urlencode(query | {'from': index})}"

    return page(
        request,
        "scheduled_mails.html",
        mails=mails,
        total=total,
        wanted=wanted,
        before=at(max(0, first - PAGE_SIZE)) if first else None,
        after=at(first + PAGE_SIZE) if first + PAGE_SIZE < total else None,
        here="/schedule",
    )
