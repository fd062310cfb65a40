"""Fills a store for a console: many contacts under way, and hundreds of each thing that an operator must decide."""

from __future__ import annotations

from collections.abc import Sequence

import dramatiq

from benchmarks.cast import send, sign_up, who
from benchmarks.people import connected, each
from common.clock import SystemClock
from common.domain.contact import Assessment
from common.domain.enrollment import ExitReason
from common.domain.ids import step_delivery_id
from common.ledger import keys
from common.ledger.action_log import ACTIONS_MAX, Action
from common.ledger.deliveries import ClaimGranted
from common.ledger.ledger import Ledger
from common.ledger.pauses import Pause
from common.ledger.unread_bookings import EVENTS_MAX

DEAD_LETTERS = 5_000
FAILED = 1_000
MARKED = 500
"""The number of paused contacts, and also that of suppressed ones."""
REASONS = ("http_422 invalid_to", "http_403 validation_error", "4 attempts: http_500", "4 attempts: timeout")


async def fill(url: str, cast: Sequence[Assessment]) -> None:
    """
    Fill the store. All contacts wait for step 2; some are paused, some are suppressed, some have a dead letter.

    It also gets failed jobs. Its unread bookings and its action log are filled to their maximum.
    """
    now_ms = SystemClock().now_ms()
    letters = cast[-min(DEAD_LETTERS, len(cast) // 4) :]
    async with connected(url) as ledger:
        await ledger.client.config_set("appendfsync", "no")  # This takes a third of the time, and the data may be lost.
        await each(cast, lambda one: sign_up(ledger, one))
        await each(cast, lambda one: send(ledger, one, 1))
        await each(cast[:MARKED], lambda one: _pause(ledger, one, now_ms))
        await each(cast[MARKED : 2 * MARKED], lambda one: _suppress(ledger, one, now_ms))
        await each(enumerate(letters), lambda one: _give_up(ledger, one[1], REASONS[one[0] % len(REASONS)]))
        await each(range(FAILED), lambda number: _fail(ledger, cast[number % len(cast)], now_ms))
        await each(range(EVENTS_MAX), lambda number: _keep(ledger, number, now_ms))
        await each(range(ACTIONS_MAX), lambda number: _act(ledger, cast[number % len(cast)], now_ms))


async def _pause(ledger: Ledger, one: Assessment, now_ms: int) -> None:
    await ledger.pauses.start(who(ledger, one), Pause(since_ms=now_ms, by="bench", reason=""))


async def _suppress(ledger: Ledger, one: Assessment, now_ms: int) -> None:
    await ledger.suppressions.suppress(one.email, ExitReason.SUPPRESSED, detail="by hand", now_ms=now_ms)


async def _give_up(ledger: Ledger, one: Assessment, reason: str) -> None:
    now_ms = ledger.cadence.due_ms(anchor_ms=SystemClock().now_ms(), step=2)
    claim = await ledger.deliveries.claim(step_delivery_id(who(ledger, one), 2), worker="bench", now_ms=now_ms)
    assert isinstance(claim, ClaimGranted), claim
    await ledger.deliveries.freeze(claim, "a mail, kept until somebody decides" * 300, now_ms=now_ms)
    await ledger.deliveries.settle(claim, "dead", reason, now_ms=now_ms)


async def _fail(ledger: Ledger, one: Assessment, now_ms: int) -> None:
    """Store a job that ended with an internal error."""
    job = step_delivery_id(who(ledger, one), 3)
    options = {"traceback": 'Traceback (most recent call last):\n  File "actors/sending/send.py", line 1' * 20}
    body = dramatiq.Message(queue_name="send", actor_name="send", args=(job,), kwargs={}, options=options).encode()
    await ledger.client.hset(keys.QUEUE.dead_messages("send"), f"{job}@{now_ms}", body)
    await ledger.client.zadd(keys.QUEUE.dead("send"), {f"{job}@{now_ms}": now_ms})


async def _keep(ledger: Ledger, number: int, now_ms: int) -> None:
    """Store an event of Cal.com that cannot be read."""
    await ledger.unread_bookings.keep(f'{{"number": {number}}}' + " " * 500, reason="no attendee", received_ms=now_ms)


async def _act(ledger: Ledger, one: Assessment, now_ms: int) -> None:
    action = Action(at_ms=now_ms, by="sarah", via="console", what="pause", on=(who(ledger, one),), after="paused")
    await ledger.action_log.record(action)
