"""Dead letters: each with its reason, whose it is, what a replay would do, and what became of the last click."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from aiohttp import web

from common.domain.ids import DeliveryId, EnrollmentId, enrollment_id
from common.domain.replay import Way
from common.ledger import keys
from common.ledger.dead_letters import DeadLetter
from services.console import actions
from services.console.actions import Done
from services.console.desk import DESK
from services.console.replies import page, see

PAGE = 50

_WAYS = {
    Way.RENDERED: "Resend certainly never had it: it is rendered anew, and sent at once.",
    Way.SAME: "The same bytes go again under the same key: should Resend have it, it says so, and nothing is doubled.",
    None: "It may have been accepted, longer ago than Resend remembers. A worker looks for it in what Resend accepted:"
    " if it is there, nothing is sent; if it certainly is not, it is sent; if nobody can tell, it stays here.",
}
SAID = {
    Done.REPLAYED: "Replayed: it is planned again, due at once.",
    Done.ASKED: "A worker looks for it in what Resend accepted, then sends it or says why not. That takes a moment.",
    Done.DISCARDED: "Discarded for good. Its reason stays in the person's timeline.",
    Done.GONE: "Nothing was done: it is not the dead letter any longer that you saw.",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """`person`: whose page to go to. `would`: what a replay would do, in words."""

    letter: DeadLetter
    person: EnrollmentId
    would: str


def shown(letters: Iterable[DeadLetter], *, campaign: str, now_ms: int) -> list[Shown]:
    return [
        Shown(letter, enrollment_id(campaign, letter.address), _WAYS[actions.way_of(letter, now_ms=now_ms)])
        for letter in letters
    ]


def said(request: web.Request) -> str:
    """What became of the click that led here."""
    try:
        return SAID[Done(request.query.get("done", ""))]
    except ValueError:
        return ""


async def show(request: web.Request) -> web.Response:
    """All of them, newest first, a page at a time."""
    desk = request.app[DESK]
    given = request.query.get("from", "0")
    first = int(given) if given.isdecimal() and len(given) < 10 else 0
    total = await desk.ledger.client.zcard(keys.DEAD)
    letters = await desk.ledger.dead_letters.newest(first=first, number=PAGE)
    return page(
        request,
        "letters.html",
        letters=shown(letters, campaign=desk.ledger.campaign, now_ms=desk.clock.now_ms()),
        total=total,
        newer=max(0, first - PAGE) if first else None,
        older=first + PAGE if first + PAGE < total else None,
        said=said(request),
        here="/dead-letters",
    )


async def replay(request: web.Request) -> web.Response:
    return await _act(request, actions.replay)


async def discard(request: web.Request) -> web.Response:
    return await _act(request, actions.discard)


async def _act(request: web.Request, act: Callable[..., Awaitable[Done]]) -> web.Response:
    desk, form = request.app[DESK], await request.post()
    delivery, dead_since = str(form.get("delivery", "")), str(form.get("dead_since_ms", ""))
    if not dead_since.isdecimal() or not delivery:
        raise web.HTTPBadRequest
    done = await act(desk.ledger, DeliveryId(delivery), dead_since_ms=int(dead_since), now_ms=desk.clock.now_ms())
    desk.evidence.outdated()
    back = "/dead-letters" if form.get("back") == "/dead-letters" else "/"
    return see(f"{back}?done={done}")
