"""Held signups: each with the bound that it is beyond; one, those of one visitor, or all are released or discarded."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from aiohttp import web

from common.domain.ids import EnrollmentId, is_enrollment_id
from common.domain.signup_bounds import BEYOND
from common.formatting import count
from common.ledger import keys
from common.ledger.ledger import Ledger
from common.observability.logs import get_logger
from services.console.acting import record_action
from services.console.context import CONTEXT
from services.console.paging import first_of
from services.console.replies import page, see_other

PAGE_SIZE = 50

log = get_logger(__name__)


async def show(request: web.Request) -> web.Response:
    """The newest of them, a page at a time."""
    ledger = request.app[CONTEXT].ledger
    first = first_of(request)
    total = await ledger.client.zcard(keys.HELD)
    return page(
        request,
        "held_signups.html",
        signups=await ledger.held_signups.newest(first=first, number=PAGE_SIZE),
        beyond=BEYOND,
        total=total,
        newer=max(0, first - PAGE_SIZE) if first else None,
        older=first + PAGE_SIZE if first + PAGE_SIZE < total else None,
        message=_message_of(request),
        here="/held-signups",
    )


async def release(request: web.Request) -> web.Response:
    context = request.app[CONTEXT]

    async def decide(ids: Sequence[EnrollmentId]) -> int:
        return await context.ledger.held_signups.release(ids, now_ms=context.clock.now_ms())

    return await _act(request, "released", decide)


async def discard(request: web.Request) -> web.Response:
    return await _act(request, "discarded", request.app[CONTEXT].ledger.held_signups.discard)


async def _act(
    request: web.Request, done: str, decide: Callable[[Sequence[EnrollmentId]], Awaitable[int]]
) -> web.Response:
    context, form = request.app[CONTEXT], await request.post()
    chosen = await _chosen(context.ledger, str(form.get("enrollment", "")), str(form.get("visitor", "")))
    number = await decide(chosen)
    log.info("held_signups_decided", done=done, signups=number)
    if number:
        await record_action(context, f"signups {done}", chosen, before="held", after=f"{number} {done}")
    return see_other(f"/held-signups?{done}={number}")


async def _chosen(ledger: Ledger, enrollment: str, visitor: str) -> list[EnrollmentId]:
    """`*` for all of them, one enrollment, or those of one visitor."""
    if is_enrollment_id(enrollment):
        return [EnrollmentId(enrollment)]
    if enrollment != "*" and not visitor:
        raise web.HTTPBadRequest
    return [one.enrollment_id async for one in ledger.held_signups.read_all(visitor=visitor or None)]


def _message_of(request: web.Request) -> str:
    """The result of the action that led here; "" without one."""
    for done, effect in (("released", "Their sequences begin now."), ("discarded", "They may sign up again.")):
        number = request.query.get(done, "")
        if number.isdecimal() and len(number) < 10:
            return f"{count(int(number), 'signup')} {done}. {effect}"
    return ""
