"""The page of held signups: each with the limit that it exceeded; one, those of a visitor, or all can be decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from aiohttp import web

from common.domain.ids import EnrollmentId, is_enrollment_id
from common.domain.signup_bounds import LIMIT_TEXTS
from common.formatting import count
from common.ledger import keys
from common.ledger.ledger import Ledger
from common.observability.logs import get_logger
from services.console.acting import record_action
from services.console.context import CONTEXT, ConsoleContext
from services.console.notice import Notice
from services.console.paging import first_of
from services.console.replies import page, see_other

PAGE_SIZE = 50
Done = Literal["released", "discarded"]

log = get_logger(__name__)


async def show(request: web.Request) -> web.Response:
    """Show held signups, newest first, a page at a time."""
    ledger = request.app[CONTEXT].ledger
    first = first_of(request)
    total = await ledger.client.zcard(keys.HELD)
    return page(
        request,
        "held_signups.html",
        signups=await ledger.held_signups.newest(first=first, number=PAGE_SIZE),
        beyond=LIMIT_TEXTS,
        total=total,
        newer=max(0, first - PAGE_SIZE) if first else None,
        older=first + PAGE_SIZE if first + PAGE_SIZE < total else None,
        notice=_notice_of(request.query),
        here="/held-signups",
    )


async def release(request: web.Request) -> web.Response:
    return await _act(request, "released")


async def discard(request: web.Request) -> web.Response:
    return await _act(request, "discarded")


async def decide(context: ConsoleContext, done: Done, chosen: Sequence[EnrollmentId]) -> int:
    """Release or discard the chosen signups. Return how many of them were held."""
    held = context.ledger.held_signups
    if done == "released":
        number = await held.release(chosen, now_ms=context.clock.now_ms())
    else:
        number = await held.discard(chosen)
    log.info("held_signups_decided", done=done, signups=number)
    if number:
        await record_action(context, f"signups {done}", chosen, before="held", after=f"{number} {done}")
    return number


async def held_signup_ids(ledger: Ledger, visitor: str | None) -> list[EnrollmentId]:
    """Return the held signups of one visitor; None: of all visitors."""
    return [one.enrollment_id async for one in ledger.held_signups.read_all(visitor=visitor)]


async def _act(request: web.Request, done: Done) -> web.Response:
    context, form = request.app[CONTEXT], await request.post()
    chosen = await _chosen(context.ledger, str(form.get("enrollment", "")), str(form.get("visitor", "")))
    return see_other(f"/held-signups?{done}={await decide(context, done, chosen)}")


async def _chosen(ledger: Ledger, enrollment: str, visitor: str) -> list[EnrollmentId]:
    """Return the signups that a form names: one enrollment, `*` for all, or else those of one visitor."""
    if is_enrollment_id(enrollment):
        return [EnrollmentId(enrollment)]
    if enrollment != "*" and not visitor:
        raise web.HTTPBadRequest
    return await held_signup_ids(ledger, visitor or None)


def _notice_of(query: Mapping[str, str]) -> Notice | None:
    """Return the result of the action that led to this page; None without one."""
    for done, effect in (("released", "Their sequences begin now."), ("discarded", "They may sign up again.")):
        number = query.get(done, "")
        if number.isdecimal() and len(number) < 10:
            if not int(number):
                return Notice("Nothing was done: none of these is still held.", is_done=False)
            return Notice(f"{count(int(number), 'signup')} {done}. {effect}")
    return None
