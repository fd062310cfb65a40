"""Reads only: what the overview shows, in three round trips and one for each dead letter shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from common.ledger import keys
from common.ledger.constants import QUEUES
from common.ledger.dead_letters import DeadLetter
from common.ledger.ledger import Ledger
from common.ledger.reads.store_stats import QueueStats, StoreStats, read_store_stats
from common.queue.job import QUEUE_NAMESPACE
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
    counts: StoreStats
    queues: Mapping[str, QueueSeen]
    workers: tuple[WorkerSeen, ...]
    budgets: Mapping[str, BudgetSeen]
    letters: tuple[DeadLetter, ...]
    weak: tuple[str, ...]


async def look(ledger: Ledger, settings: Settings, *, now_ms: int, weak: Iterable[str]) -> Seen:
    """Raises redis.RedisError or OSError when the store does not answer."""
    counts = await read_store_stats(ledger, now_ms=now_ms)
    return Seen(
        at_ms=now_ms,
        counts=counts,
        queues={name: _queue(queue) for name, queue in counts.queues.items()},
        workers=await _workers(ledger),
        budgets=await _budgets(ledger, settings, now_ms),
        letters=await ledger.dead_letters.newest(first=0, number=LETTERS_SHOWN),
        weak=tuple(weak),
    )


def _queue(queue: QueueStats) -> QueueSeen:
    return QueueSeen(
        delayed=queue.delayed - queue.due,
        ready=queue.due + queue.waiting,
        in_hand=max(0, queue.ready - queue.waiting),
        failed=queue.failed,
        late_ms=queue.oldest_ms,
    )


async def _workers(ledger: Ledger) -> tuple[WorkerSeen, ...]:
    pipe = ledger.client.pipeline(transaction=False)
    pipe.time()
    pipe.zrange(keys.HEARTBEATS, 0, -1, withscores=True)
    (seconds, micros), beats = await pipe.execute()
    store_ms = seconds * 1000 + micros // 1000
    for worker, _ in beats:
        for queue in QUEUES:
            pipe.scard(f"{QUEUE_NAMESPACE}:__acks__.{worker.decode()}.{queue}")
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
