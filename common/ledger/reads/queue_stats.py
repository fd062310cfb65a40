"""Figures of the queues and of the workers that read them; a part of the store's figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from common.domain.clock_check import JUMP_MS
from common.ledger import keys
from common.ledger.constants import QUEUES
from common.queue.lua_broker import HEARTBEAT_TIMEOUT_MS, due_ms_of


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueStats:
    """
    Jobs of one queue, each counted once.

    `scheduled`: due later. `due`: due, and not yet on the ready list. `ready`: on that list. `in_flight`: fetched by a
    worker. `failed`: raised an unexpected error and wait for a person. `oldest_ms`: for how long the oldest job of
    `due` and `ready` has been due; 0 when there is none.
    """

    scheduled: int
    due: int
    ready: int
    in_flight: int
    failed: int
    oldest_ms: int

    @property
    def unsettled(self) -> int:
        """Due, and not finished."""
        return self.due + self.ready + self.in_flight


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStats:
    """`silent_ms`: since its last heartbeat, by the store's clock. `in_flight`: messages that it has fetched."""

    id: str
    silent_ms: int
    in_flight: int

    @property
    def is_alive(self) -> bool:
        return self.silent_ms <= HEARTBEAT_TIMEOUT_MS


def ask_queues(pipe: Any, now_ms: int, workers: Sequence[str]) -> None:
    """Queue the commands in the order in which `read_queues`, then `read_workers` read the answers."""
    for queue in QUEUES:
        delayed, ready = keys.delayed(queue), keys.ready(queue)
        pipe.zcount(delayed, f"({now_ms}", "+inf")
        pipe.zcount(delayed, "-inf", now_ms)
        pipe.zrange(delayed, 0, 0, withscores=True)
        pipe.llen(ready)
        pipe.lindex(ready, 0)
        pipe.hlen(keys.QUEUE.messages(queue))
        pipe.zcard(keys.QUEUE.dead(queue))
    for worker in workers:
        for queue in QUEUES:
            pipe.scard(keys.QUEUE.in_flight(worker, queue))


def read_queues(answers: Iterator[Any], now_ms: int) -> dict[str, QueueStats]:
    return {queue: _queue(answers, now_ms) for queue in QUEUES}


def read_workers(
    answers: Iterator[Any], heartbeats: Sequence[tuple[bytes, float]], store_ms: int
) -> tuple[WorkerStats, ...]:
    """`heartbeats`: each worker with its last heartbeat, in the order in which the workers were asked about."""
    return tuple(
        WorkerStats(
            id=worker.decode(),
            silent_ms=_silent_ms(store_ms, int(beat)),
            in_flight=sum(next(answers) for _ in QUEUES),
        )
        for worker, beat in heartbeats
    )


def _silent_ms(store_ms: int, beat_ms: int) -> int:
    """
    Return how long a worker has been silent.

    A heartbeat far ahead is from before the store's clock was set back: a live worker has sent another since.
    """
    ago_ms = store_ms - beat_ms
    return -ago_ms if ago_ms < -JUMP_MS else max(0, ago_ms)


def _queue(answers: Iterator[Any], now_ms: int) -> QueueStats:
    scheduled, due, first, ready, head, bodies, failed = (next(answers) for _ in range(7))
    due_times = [int(first[0][1])] if first else []
    if head is not None:
        due_times.append(due_ms_of(head.decode()) or now_ms)  # a message without a due time is no older than now
    return QueueStats(
        scheduled=scheduled,
        due=due,
        ready=ready,
        in_flight=max(0, bodies - ready),
        failed=failed,
        oldest_ms=max(0, now_ms - min(due_times, default=now_ms)),
    )
