"""Dead letters: each with its reason, its contact, what a replay would do, and the result of the last action."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from aiohttp import web

from common.domain.ids import DeliveryId, EnrollmentId
from common.domain.replay import Way, way_at_once
from common.ledger import keys
from common.ledger.dead_letters import DeadLetter
from common.ledger.ledger import Ledger
from common.observability.logs import get_logger
from services.console.context import CONTEXT
from services.console.replies import page, see_other

PAGE_SIZE = 50

log = get_logger(__name__)


class Outcome(StrEnum):
    """The result of an action, for the next page to show."""

    REPLAYED = "replayed"
    ASKED = "asked"
    DISCARDED = "discarded"
    GONE = "gone"


_MESSAGES = {
    Outcome.REPLAYED: "Replayed: it is planned again, due at once.",
    Outcome.ASKED: "A worker looks for it in Resend's list, then sends it or says why not. That takes a moment.",
    Outcome.DISCARDED: "Discarded for good. Its reason stays in the contact's timeline.",
    Outcome.GONE: "Nothing was done: the dead letter that you saw has changed since.",
}
_REPLAY_EFFECTS = {
    Way.RENDERED: "Resend certainly never accepted it: it is rendered again and sent at once.",
    Way.SAME: "The same bytes are sent under the same idempotency key: if Resend has accepted them before, it says so,"
    " and nothing is sent twice.",
    None: "Resend may have accepted it, longer ago than it remembers the idempotency key. A worker looks for it in"
    " Resend's list: if it is there, nothing is sent; if it certainly is not, it is sent; if the list does not decide"
    " it, it stays here.",
}


@dataclass(frozen=True, slots=True)
class Row:
    """`contact`: the page to link to. `replay_effect`: what a replay would do, in words."""

    letter: DeadLetter
    contact: EnrollmentId
    replay_effect: str


def rows_of(letters: Iterable[DeadLetter], *, now_ms: int) -> list[Row]:
    return [Row(letter, letter.contact_id, _REPLAY_EFFECTS[_way(letter, now_ms=now_ms)]) for letter in letters]


def message_of(request: web.Request) -> str:
    """The result of the action that led here; "" without one."""
    try:
        return _MESSAGES[Outcome(request.query.get("done", ""))]
    except ValueError:
        return ""


async def show(request: web.Request) -> web.Response:
    """All of them, newest first, a page at a time."""
    context = request.app[CONTEXT]
    start = request.query.get("from", "0")
    first = int(start) if start.isdecimal() and len(start) < 10 else 0
    total = await context.ledger.client.zcard(keys.DEAD)
    letters = await context.ledger.dead_letters.newest(first=first, number=PAGE_SIZE)
    return page(
        request,
        "dead_letters.html",
        rows=rows_of(letters, now_ms=context.clock.now_ms()),
        total=total,
        newer=max(0, first - PAGE_SIZE) if first else None,
        older=first + PAGE_SIZE if first + PAGE_SIZE < total else None,
        message=message_of(request),
        here="/dead-letters",
    )


async def replay(request: web.Request) -> web.Response:
    return await _act(request, _replay)


async def discard(request: web.Request) -> web.Response:
    return await _act(request, _discard)


async def _act(request: web.Request, action: Callable[[Ledger, DeadLetter, int], Awaitable[Outcome]]) -> web.Response:
    """Apply the action to the dead letter that was seen; one that has changed since is left alone."""
    context, form = request.app[CONTEXT], await request.post()
    delivery, dead_since = str(form.get("delivery", "")), str(form.get("dead_since_ms", ""))
    if not dead_since.isdecimal() or not delivery:
        raise web.HTTPBadRequest
    letter = await context.ledger.dead_letters.get(DeliveryId(delivery))
    outcome = Outcome.GONE
    if letter is not None and letter.dead_since_ms == int(dead_since):
        outcome = await action(context.ledger, letter, context.clock.now_ms())
    context.status_cache.invalidate()
    back = "/dead-letters" if form.get("back") == "/dead-letters" else "/"
    return see_other(f"{back}?done={outcome}")


async def _replay(ledger: Ledger, letter: DeadLetter, now_ms: int) -> Outcome:
    """Replay at once; where Resend must be asked first, a worker does that in a moment."""
    way, dead_since_ms = _way(letter, now_ms=now_ms), letter.dead_since_ms
    if way is None:
        if not await ledger.dead_letters.request_replay(letter.id, dead_since_ms=dead_since_ms, now_ms=now_ms):
            return Outcome.GONE
        log.info("dead_letter_replay_asked", delivery_id=letter.id)
        return Outcome.ASKED
    how: Literal["fresh", "same"] = "fresh" if way is Way.RENDERED else "same"
    if not await ledger.dead_letters.replay(letter.id, way=how, now_ms=now_ms, dead_since_ms=dead_since_ms):
        return Outcome.GONE
    log.info("dead_letter_replayed", delivery_id=letter.id, way=way.name.lower())
    return Outcome.REPLAYED


async def _discard(ledger: Ledger, letter: DeadLetter, now_ms: int) -> Outcome:
    if not await ledger.dead_letters.discard(letter.id, now_ms=now_ms):
        return Outcome.GONE
    log.info("dead_letter_discarded", delivery_id=letter.id)
    return Outcome.DISCARDED


def _way(letter: DeadLetter, *, now_ms: int) -> Way | None:
    """How a replay would be done; None when a worker must first ask Resend whether it accepted the mail."""
    return way_at_once(
        outcome_unknown=letter.outcome_unknown,
        first_ms=letter.first_attempt_ms,
        now_ms=now_ms,
        remembered_ms=letter.delivery.channel.key_remembered_ms,
    )
