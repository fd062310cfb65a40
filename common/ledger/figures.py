"""What metrics, the ping and `advent health` say of the store as a whole: read in two round trips."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import redis.asyncio

from common.ledger import keys
from common.ledger.ledger import Ledger
from common.ledger.pauses import EVERYBODY
from common.ledger.views import QUEUES
from common.queue.lua_broker import HEARTBEAT_TIMEOUT_MS

PROVIDERS = ("resend", "notion", "calcom")
STATUSES = ("accepted", "active", "completed", "exited")


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueFigures:
    """`ready`: in hand too; `waiting`: of those, the ones that nobody has in hand; `due`: delayed, and yet to be made
    ready. `oldest_ms`: for how long the oldest due job waits, 0 when none does."""

    delayed: int
    ready: int
    failed: int
    due: int
    oldest_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """
    The store at one instant. Durations in ms.

    `safe`: promise → kept, see `metrics.STORE_DURABILITY`. `circuits`: provider in trouble → for how long. `people`: by
    status.
    """

    queues: Mapping[str, QueueFigures]
    people: Mapping[str, int]
    dead: int
    suppressed: int
    behind: int
    mirror_lag_ms: int
    workers: int
    circuits: Mapping[str, int]
    paused: bool
    safe: Mapping[str, bool]
    memory_bytes: int
    memory_max_bytes: int

    @property
    def due_unsent(self) -> int:
        """Mails that are due and have met no fate yet, those in hand too."""
        return self.queues["send"].due + self.queues["send"].ready

    @property
    def due_unsent_ms(self) -> int:
        return self.queues["send"].oldest_ms


async def read_figures(ledger: Ledger) -> Figures:
    """Raises redis.RedisError or OSError when the store does not answer."""
    client: redis.asyncio.Redis = ledger.client
    # Ages are measured by one clock, the store's, so that workers whose clocks differ show the same.
    seconds, micros = await client.time()
    now_ms = seconds * 1000 + micros // 1000
    pipe = client.pipeline(transaction=False)
    for queue in QUEUES:
        _ask_queue(pipe, queue, now_ms)
    pipe.hgetall(keys.COUNTS)
    pipe.zcard(keys.DEAD)
    pipe.hlen(keys.SUPPRESSED)
    pipe.zcard(keys.CHANGED)
    pipe.zrange(keys.CHANGED, 0, 0, withscores=True)
    pipe.zcount(keys.HEARTBEATS, now_ms - HEARTBEAT_TIMEOUT_MS, "+inf")
    for provider in PROVIDERS:
        pipe.hmget(keys.circuit(provider), "until", "since")
    pipe.hexists(keys.PAUSES, EVERYBODY)
    pipe.info("persistence")
    pipe.info("memory")
    pipe.config_get("appendfsync")
    answers = await pipe.execute(raise_on_error=False)
    return _figures(answers, now_ms)


def _ask_queue(pipe: Any, queue: str, now_ms: int) -> None:
    delayed, ready = keys.delayed(queue), keys.ready(queue)
    pipe.zcard(delayed)
    pipe.zcount(delayed, "-inf", now_ms)
    pipe.zrange(delayed, 0, 0, withscores=True)
    pipe.hlen(ready + ".msgs")
    pipe.lindex(ready, 0)
    pipe.zcard(ready + ".XQ")


_A_QUEUE = 6


def _figures(answers: list[Any], now_ms: int) -> Figures:
    config = answers.pop()
    # A managed store may forbid CONFIG; anything else that is refused is the store's trouble.
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
    split = len(QUEUES) * _A_QUEUE
    queues = {queue: _queue(answers[i * _A_QUEUE :][:_A_QUEUE], now_ms) for i, queue in enumerate(QUEUES)}
    tally, dead, suppressed, behind, oldest, workers, *circuits, paused, persistence, memory = answers[split:]
    return Figures(
        queues=queues,
        people={status: int(tally.get(status.encode(), 0)) for status in STATUSES},
        dead=dead,
        suppressed=suppressed,
        behind=behind,
        mirror_lag_ms=max(0, now_ms - int(oldest[0][1])) if oldest else 0,
        workers=workers,
        circuits={
            name: max(0, now_ms - int(since or until))
            for name, (until, since) in zip(PROVIDERS, circuits, strict=True)
            if until is not None
        },
        paused=bool(paused),
        safe=_safe(persistence, memory, config),
        memory_bytes=int(memory.get("used_memory", 0)),
        memory_max_bytes=int(memory.get("maxmemory", 0)),
    )


def _queue(answer: list[Any], now_ms: int) -> QueueFigures:
    delayed, due, first, ready, waiting, failed = answer
    instants = [int(first[0][1])] if first else []
    if waiting is not None:
        instants.append(_due_ms(waiting, now_ms))
    return QueueFigures(
        delayed=delayed,
        ready=ready,
        failed=failed,
        due=due,
        oldest_ms=max(0, now_ms - min(instants, default=now_ms)),
    )


def _due_ms(ready_id: bytes, now_ms: int) -> int:
    """Of `job id@due_ms`; a message that was never scheduled has none, and is no older than now."""
    _, at, due = ready_id.decode().rpartition("@")
    return int(due) if at and due.isdigit() else now_ms


def _safe(persistence: Mapping[str, Any], memory: Mapping[str, Any], config: Any) -> dict[str, bool]:
    safe = {
        "appendonly": bool(persistence.get("aof_enabled")),
        "disk": "err" not in (persistence.get("aof_last_write_status"), persistence.get("aof_last_bgrewrite_status")),
        "noeviction": str(memory.get("maxmemory_policy", "noeviction")) == "noeviction",
    }
    if isinstance(config, Mapping) and config:
        safe["appendfsync"] = "always" in [_text(value) for value in config.values()]
    return safe


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
