"""The page of Cal.com's booking events that could not be read: each with its reason and body. A user discards them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aiohttp import web

from common.formatting import count
from common.ledger import keys
from services.console.acting import record_action
from services.console.context import CONTEXT, ConsoleContext
from services.console.notice import Notice
from services.console.paging import first_of
from services.console.replies import page, see_other

PAGE_SIZE = 20


async def show(request: web.Request) -> web.Response:
    """Show unread booking events, newest first, a page at a time."""
    ledger, first = request.app[CONTEXT].ledger, first_of(request)
    total = int(await ledger.client.zcard(keys.UNREAD_BOOKINGS))
    return page(
        request,
        "unread_bookings.html",
        events=await ledger.unread_bookings.newest(first=first, number=PAGE_SIZE),
        total=total,
        newer=max(0, first - PAGE_SIZE) if first else None,
        older=first + PAGE_SIZE if first + PAGE_SIZE < total else None,
        notice=_notice_of(request.query),
        here="/campaigns",
    )


async def discard(request: web.Request) -> web.Response:
    form = await request.post()
    number = await discard_events(request.app[CONTEXT], [str(form.get("event", ""))])
    return see_other(f"/unread-bookings?discarded={number}")


async def discard_events(context: ConsoleContext, ids: Sequence[str]) -> int:
    """Delete events. Return how many of them existed."""
    discarded = await context.ledger.unread_bookings.discard(ids)
    if discarded:
        await record_action(context, "bookings discard", discarded, before="unread", after="discarded")
    return len(discarded)


def _notice_of(query: Mapping[str, str]) -> Notice | None:
    """Return the result of the discard that led to this page; None without one."""
    number = query.get("discarded", "")
    if not number.isdecimal() or len(number) >= 5:
        return None
    if not int(number):
        return Notice("Nothing was done: that event had already been discarded.", is_done=False)
    return Notice(f"{count(int(number), 'booking event')} discarded.")
