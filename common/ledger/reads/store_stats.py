"""
Reads only: the store as a whole in numbers, in two round trips; what status, console, health, ping and metrics show.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from common.ledger import keys
from common.ledger.constants import CALENDAR, HEARTBEAT_TIMEOUT_MS, MAIL, MIRROR, QUEUES
from common.ledger.ledger import Ledger
from common.ledger.pauses import EVERYBODY, Pause, read_pause
from common.ledger.store import texts
from common.queue.lua_broker import due_ms_of

PROVIDERS = (MAIL, MIRROR, CALENDAR)
STATUSES = ("accepted", "active", "completed", "exited")
HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueStats:
    """
    `delayed`: in the schedule, `due` of them now, and yet to be made ready. `ready`: ready or in hand; `waiting`: of
    those, the ones that nobody has in hand. `failed`: by an internal error. `oldest_ms`: for how long the oldest due
    job waits.
    """

    delayed: int
    due: int
    ready: int
    waiting: int
    failed: int
    oldest_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCircuit:
    """Why everything waits for a provider, since when, and when it is asked next."""

    reason: str
    since_ms: int
    until_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreStats:
    """
    The store at `at_ms`. Durations in ms.

    `people`: by status; `deliveries`: by status, of those that ended. `overdue`: deliveries in the schedule that are
    due; `changed`: whom Notion does not show yet, the oldest change `mirror_lag_ms` ago.
    `unread_bookings`: events of Cal.com that wait for a person. `circuits`: by provider in
    trouble. `safe`: promise → kept, see `metrics.STORE_SAFE`.
    """

    at_ms: int
    queues: Mapping[str, QueueStats]
    people: Mapping[str, int]
    deliveries: Mapping[str, int]
    due_next_hour: int
    due_next_day: int
    overdue: int
    dead: int
    suppressed: int
    changed: int
    mirror_lag_ms: int
    unread_bookings: int
    workers: int
    circuits: Mapping[str, OpenCircuit]
    pause: Pause | None
    paused_people: int
    safe: Mapping[str, bool]
    memory_bytes: int
    memory_max_bytes: int

    @property
    def due_unsent(self) -> int:
        """Deliveries that are due and have not ended yet, those in hand too."""
        return self.queues["send"].due + self.queues["send"].ready

    @property
    def due_unsent_ms(self) -> int:
        return self.queues["send"].oldest_ms


async def read_store_stats(ledger: Ledger, *, now_ms: int | None = None) -> StoreStats:
    """
    `now_ms`: None takes the store's clock, so that workers whose clocks differ show the same.

    Raises redis.RedisError or OSError when the store does not answer.
    """
    if now_ms is None:
        seconds, micros = await ledger.client.time()
        now_ms = seconds * 1000 + micros // 1000
    pipe = ledger.client.pipeline(transaction=False)
    for queue in QUEUES:
        _ask_queue(pipe, queue, now_ms)
    for provider in PROVIDERS:
        pipe.hmget(keys.circuit(provider), "reason", "since_ms", "until_ms")
    pipe.hgetall(keys.COUNTS)
    send = keys.delayed("send")
    pipe.zcount(send, now_ms, now_ms + HOUR_MS)
    pipe.zcount(send, now_ms, now_ms + 24 * HOUR_MS)
    pipe.zcount(send, 0, f"({now_ms}")
    pipe.zcard(keys.DEAD)
    pipe.hlen(keys.SUPPRESSED)
    pipe.zcard(keys.UNREAD_BOOKINGS)
    pipe.zcard(keys.CHANGED)
    pipe.zrange(keys.CHANGED, 0, 0, withscores=True)
    pipe.zcount(keys.HEARTBEATS, now_ms - HEARTBEAT_TIMEOUT_MS, "+inf")
    pipe.hget(keys.PAUSES, EVERYBODY)
    pipe.hlen(keys.PAUSES)
    pipe.info("persistence")
    pipe.info("memory")
    pipe.config_get("appendfsync")
    return _stats(await pipe.execute(raise_on_error=False), now_ms)


def _ask_queue(pipe: Any, queue: str, now_ms: int) -> None:
    delayed, ready = keys.delayed(queue), keys.ready(queue)
    pipe.zcard(delayed)
    pipe.zcount(delayed, "-inf", now_ms)
    pipe.zrange(delayed, 0, 0, withscores=True)
    pipe.hlen(ready + ".msgs")
    pipe.llen(ready)
    pipe.lindex(ready, 0)
    pipe.zcard(ready + ".XQ")


_A_QUEUE = 7


def _stats(answers: list[Any], now_ms: int) -> StoreStats:
    config = answers.pop()
    # A managed store may forbid CONFIG; anything else that is refused is the store's trouble.
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
    split = len(QUEUES) * _A_QUEUE
    queues = {queue: _queue(answers[i * _A_QUEUE :][:_A_QUEUE], now_ms) for i, queue in enumerate(QUEUES)}
    circuits = texts(answers[split : split + len(PROVIDERS)])
    (
        tally,
        hour,
        day,
        overdue,
        dead,
        suppressed,
        unread,
        changed,
        oldest,
        workers,
        pause,
        pauses,
        persistence,
        memory,
    ) = answers[split + len(PROVIDERS) :]
    numbers = {name: int(number) for name, number in texts(tally).items()}
    return StoreStats(
        at_ms=now_ms,
        queues=queues,
        people={status: numbers.get(status, 0) for status in STATUSES},
        deliveries={
            name.removeprefix("delivery:"): number
            for name, number in sorted(numbers.items())
            if name.startswith("delivery:") and number
        },
        due_next_hour=hour,
        due_next_day=day,
        overdue=overdue,
        dead=dead,
        suppressed=suppressed,
        changed=changed,
        mirror_lag_ms=max(0, now_ms - int(oldest[0][1])) if oldest else 0,
        unread_bookings=unread,
        workers=workers,
        circuits={
            provider: OpenCircuit(reason=reason or "", since_ms=int(since_ms or until_ms), until_ms=int(until_ms))
            for provider, (reason, since_ms, until_ms) in zip(PROVIDERS, circuits, strict=True)
            if until_ms is not None
        },
        pause=read_pause(pause.decode()) if pause else None,
        paused_people=pauses - (pause is not None),
        safe=_safe(persistence, memory, config),
        memory_bytes=int(memory.get("used_memory", 0)),
        memory_max_bytes=int(memory.get("maxmemory", 0)),
    )


def _queue(answer: list[Any], now_ms: int) -> QueueStats:
    delayed, due, first, ready, waiting, head, failed = answer
    times = [int(first[0][1])] if first else []
    if head is not None:
        times.append(due_ms_of(head.decode()) or now_ms)  # what was never scheduled is no older than now
    return QueueStats(
        delayed=delayed,
        due=due,
        ready=ready,
        waiting=waiting,
        failed=failed,
        oldest_ms=max(0, now_ms - min(times, default=now_ms)),
    )


def _safe(persistence: Mapping[str, Any], memory: Mapping[str, Any], config: Any) -> dict[str, bool]:
    safe = {
        "appendonly": bool(persistence.get("aof_enabled")),
        "disk": "err" not in (persistence.get("aof_last_write_status"), persistence.get("aof_last_bgrewrite_status")),
        "noeviction": str(memory.get("maxmemory_policy", "noeviction")) == "noeviction",
    }
    if isinstance(config, Mapping) and config:
        safe["appendfsync"] = "always" in map(str, texts(dict(config)).values())
    return safe
