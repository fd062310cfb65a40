"""The page of unmarked calls: calls that are over and whose outcome nobody reported. A user can mark them."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from common.domain.ids import is_enrollment_id
from services.console.context import CONTEXT
from services.console.notice import Notice
from services.console.paging import first_of
from services.console.replies import page, see_other
from services.console.unmarked_calls import mark_call, parse_mark, show_calls

PAGE_SIZE = 25
_NOTICES = {
    "completed": Notice("Marked: the call took place."),
    "no-show": Notice(
        "Marked as a no-show: a worker plans what follows in a moment; the person's timeline then shows it."
    ),
    "before": Notice("Nothing was done: that call had already been marked.", is_done=False),
    "unknown": Notice("Nothing was done: that call is not waiting for a mark.", is_done=False),
}


def notice_of(query: Mapping[str, str]) -> Notice | None:
    """Return the result of the mark that led to a page; None without one."""
    return _NOTICES.get(query.get("marked", ""))


async def show(request: web.Request) -> web.Response:
    """Show unmarked calls, the one that ended first at the top, a page at a time."""
    context, first = request.app[CONTEXT], first_of(request)
    calls = await context.ledger.unmarked_calls.read_all()
    return page(
        request,
        "unmarked_calls.html",
        calls=await show_calls(context, calls[first : first + PAGE_SIZE]),
        total=len(calls),
        before=max(0, first - PAGE_SIZE) if first else None,
        after=first + PAGE_SIZE if first + PAGE_SIZE < len(calls) else None,
        notice=notice_of(request.query),
        here="/campaigns",
    )


async def mark(request: web.Request) -> web.Response:
    """Mark a call. The field `back` has the person's id if the form was on the person's page."""
    form = await request.post()
    guest, given, back = (str(form.get(name, "")) for name in ("call", "mark", "back"))
    wanted = parse_mark(given)
    if not guest or wanted is None:
        raise web.HTTPBadRequest
    answer = await mark_call(request.app[CONTEXT], guest, wanted)
    at = f"/people/{back}" if is_enrollment_id(back) else "/unmarked-calls"
    return see_other(f"{at}?marked={answer}")
