"""Reads only: what the overview shows, in three round trips and one for each dead letter shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from common.domain.ids import DeliveryId
from common.ledger import keys
from common.ledger.answers import Counts, DeadLetter
from common.ledger.ledger import Ledger
from common.ledger.views import QUEUES, counts, dead_letter
from common.queue.layout import NAMESPACE
from common.settings.settings import Settings

LETTERS_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSeen:
    """`delayed`: not due yet; `ready`: due, and waits for a worker; `late_ms`: for how long the first of them has."""

    delayed: int
    ready: int
    in_hand: int
    failed: int
    late_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSeen:
    """`silent_ms`: since its last sign of life, by the store's clock."""

    id: str
    silent_ms: int
    in_hand: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetSeen:
    """`used` of `capacity` requests in a window; `held_ms`: for how much longer the provider asked for patience."""

    capacity: int
    window_ms: int
    used: int
    held_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """
    What one look at the store saw, at `at_ms`.

    `letters`: the newest dead letters. `budgets`: by provider. `weak`: why this is not the store it should be, a line
    each with its cure, as it was when that was last looked at.
    """

    at_ms: int
    counts: Counts
    queues: Mapping[str, QueueSeen]
    workers: tuple[WorkerSeen, ...]
    budgets: Mapping[str, BudgetSeen]
    letters: tuple[DeadLetter, ...]
    weak: tuple[str, ...]


async def look(ledger: Ledger, settings: Settings, *, now_ms: int, weak: Iterable[str]) -> Seen:
    """Raises redis.RedisError or OSError when the store does not answer."""
    return Seen(
        at_ms=now_ms,
        counts=await counts(ledger, now_ms=now_ms),
        queues=await _queues(ledger, now_ms),
        workers=await _workers(ledger),
        budgets=await _budgets(ledger, settings, now_ms),
        letters=await newest_letters(ledger, first=0, number=LETTERS_SHOWN),
        weak=tuple(weak),
    )


async def newest_letters(ledger: Ledger, *, first: int, number: int) -> tuple[DeadLetter, ...]:
    """Dead letters, newest first, beginning with that of index `first`."""
    members: Any = await ledger.client.zrevrange(keys.DEAD, first, first + number - 1)
    found = [await dead_letter(ledger, DeliveryId(member.decode())) for member in members]
    return tuple(letter for letter in found if letter is not None)


async def _queues(ledger: Ledger, now_ms: int) -> dict[str, QueueSeen]:
    pipe = ledger.client.pipeline(transaction=False)
    for name in QUEUES:
        ready, delayed = keys.ready(name), keys.delayed(name)
        pipe.zcount(delayed, f"({now_ms}", "+inf")
        pipe.zcount(delayed, "-inf", now_ms)
        pipe.zrange(delayed, 0, 0, withscores=True)
        pipe.llen(ready)
        pipe.lindex(ready, 0)
        pipe.hlen(ready + ".msgs")
        pipe.zcard(ready + ".XQ")
    answers = await pipe.execute()
    return {name: _queue(answers[i * 7 : i * 7 + 7], now_ms) for i, name in enumerate(QUEUES)}


def _queue(answer: list[Any], now_ms: int) -> QueueSeen:
    delayed, due, first, ready, head, bodies, failed = answer
    instants = [int(first[0][1])] if first else []
    if head is not None:
        # `job id@due_ms`; what was sent without a delay has none.
        utc_datetime = head.decode().rpartition("@")[2]
        instants += [int(utc_datetime)] if utc_datetime.isdigit() else []
    late_ms = max(0, now_ms - min(instants, default=now_ms))
    return QueueSeen(delayed=delayed, ready=due + ready, in_hand=max(0, bodies - ready), failed=failed, late_ms=late_ms)


async def _workers(ledger: Ledger) -> tuple[WorkerSeen, ...]:
    pipe = ledger.client.pipeline(transaction=False)
    pipe.time()
    pipe.zrange(keys.HEARTBEATS, 0, -1, withscores=True)
    (seconds, micros), beats = await pipe.execute()
    store_ms = seconds * 1000 + micros // 1000
    for worker, _ in beats:
        for queue in QUEUES:
            pipe.scard(f"{NAMESPACE}:__acks__.{worker.decode()}.{queue}")
    held = await pipe.execute() if beats else []
    width = len(QUEUES)
    return tuple(
        WorkerSeen(
            id=worker.decode(),
            silent_ms=max(0, store_ms - int(beat)),
            in_hand=sum(held[i * width : (i + 1) * width]),
        )
        for i, (worker, beat) in enumerate(beats)
    )


def windows(settings: Settings) -> Iterator[tuple[str, int, int]]:
    """(provider, capacity, window_ms), as `common/providers/build.py` has them."""
    yield "resend", 1, max(1, round(1_000 / settings.resend_requests_per_second))
    yield "notion", settings.notion_requests_per_minute, 60_000


async def _budgets(ledger: Ledger, settings: Settings, now_ms: int) -> dict[str, BudgetSeen]:
    pipe = ledger.client.pipeline(transaction=False)
    asked = list(windows(settings))
    for provider, _, _ in asked:
        pipe.lrange(f"{keys.PREFIX}budget:{provider}", 0, -1)
        pipe.hget(f"{keys.PREFIX}budget:{provider}:after", "hold")
    answers = await pipe.execute()
    return {
        provider: BudgetSeen(
            capacity=capacity,
            window_ms=window_ms,
            used=sum(int(slot) > now_ms - window_ms for slot in answers[2 * i]),
            held_ms=max(0, int(answers[2 * i + 1] or 0) - now_ms),
        )
        for i, (provider, capacity, window_ms) in enumerate(asked)
    }
