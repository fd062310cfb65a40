"""Figures of the whole store, read in two round trips, for health checks, metrics, `advent status` and the console."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import redis.asyncio

from common.domain.clock_check import JUMP_MS
from common.domain.delivery import DeliveryStatus
from common.domain.ids import is_enrollment_id
from common.domain.signup_bounds import Bound
from common.ledger import keys
from common.ledger.constants import CALENDAR, MAIL, MIRROR, QUEUE_OF, SENDING_QUEUES, TEXTS
from common.ledger.holds import Hold, read_holds
from common.ledger.ledger import Ledger
from common.ledger.pauses import EVERYBODY, Pause, campaign_scope, read_pause
from common.ledger.reads.queue_stats import QueueStats, WorkerStats, ask_queues, read_queues, read_workers
from common.ledger.store import texts
from common.store.refusals import Refusal, ask_probe, refusal_in

PROVIDERS = (MAIL, TEXTS, MIRROR, CALENDAR)
ENROLLMENT_STATUSES = ("accepted", "active", "completed", "exited")
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCircuit:
    """Why work waits for a provider, `invalid_api_key (403)`, since when, and when the provider is tried again."""

    reason: str
    since_ms: int
    until_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreStats:
    """
    The store at `at_ms`. Durations in ms.

    `enrollments` and `deliveries`: by status. `overdue`: deliveries in the schedule whose time has passed.
    `mirror_behind`: contacts whose change Notion does not show yet; `mirror_lag_ms`: for how long the oldest waits.
    `unmarked_calls`: calls that ended and nobody reported how. `held_signups`: by bound. `unread_bookings`: events of
    Cal.com that wait for a person. `resting`: addresses that wait for a person. `content_bounce_people`: contacts to
    whom a mail was refused for its content within a day, in the campaign with the most. `circuits`: the open ones, by
    provider. `pause`: that of all contacts. `paused_campaigns`: by key, those that are served here. `paused_contacts`:
    how many contacts are paused, a person once for each campaign. `holds`: on all sending, by reason;
    `clock/<worker>`: on the sending of that worker, if it is alive. `durability`: promise → whether it is kept, see
    `metrics.STORE_DURABILITY`. `refusal`: why the store accepts no writes.
    """

    at_ms: int
    queues: Mapping[str, QueueStats]
    workers: tuple[WorkerStats, ...]
    enrollments: Mapping[str, int]
    deliveries: Mapping[str, int]
    due_next_hour: int
    due_next_day: int
    overdue: int
    dead_letters: int
    suppressed: int
    mirror_behind: int
    mirror_lag_ms: int
    held_signups: Mapping[Bound, int]
    unread_bookings: int
    resting: int
    content_bounce_people: int
    circuits: Mapping[str, OpenCircuit]
    pause: Pause | None
    paused_campaigns: Mapping[str, Pause]
    paused_contacts: int
    holds: Mapping[str, Hold]
    durability: Mapping[str, bool]
    memory_bytes: int
    memory_max_bytes: int
    refusal: Refusal | None = None
    unmarked_calls: int = 0

    @property
    def workers_alive(self) -> int:
        return sum(worker.is_alive for worker in self.workers)

    @property
    def is_all_held(self) -> bool:
        """Whether no worker sends anything to any contact."""
        return any("/" not in name for name in self.holds)

    @property
    def sent(self) -> int:
        """Deliveries that the provider accepted."""
        return sum(self.deliveries.get(status.value, 0) for status in DeliveryStatus if status.is_sent)

    @property
    def due_unsent(self) -> int:
        """Deliveries that are due and not settled, including those in flight."""
        return sum(queue.unsettled for queue in self.sending.values())

    @property
    def due_unsent_ms(self) -> int:
        return max(queue.oldest_ms for queue in self.sending.values())

    @property
    def sending(self) -> dict[str, QueueStats]:
        """The queue of each provider."""
        return {provider: self.queues[name] for provider, name in QUEUE_OF.items()}


async def read_store_stats(ledger: Ledger, *, now_ms: int | None = None) -> StoreStats:
    """
    Return the figures at `now_ms`, the caller's time.

    None stands for the store's time, corrected by what workers found, so that processes whose clocks differ report the
    same ages. Heartbeats are always compared with the store's clock, by which they are written. Raises redis.RedisError
    or OSError when the store does not answer.
    """
    client: redis.asyncio.Redis = ledger.client
    pipe = client.pipeline(transaction=False)
    ask_probe(pipe)
    pipe.time()
    pipe.zrange(keys.HEARTBEATS, 0, -1, withscores=True)
    pipe.hmget(keys.CLOCK, "judged_ms", "ahead_ms")
    probe, cluster, *first = await pipe.execute(raise_on_error=False)
    refusal = refusal_in(probe, cluster)
    _raise_first(first)
    (seconds, micros), heartbeats, (judged, ahead) = first
    store_ms = seconds * 1000 + micros // 1000
    # A worker may know that the store's clock is wrong; what it found in another hour says nothing about now.
    is_judged = judged is not None and abs(store_ms - int(judged)) <= JUMP_MS
    now_ms = (store_ms - (int(ahead) if is_judged else 0)) if now_ms is None else now_ms
    _ask(pipe, now_ms, [worker.decode() for worker, _ in heartbeats], campaigns=ledger.campaigns)
    answers = await pipe.execute(raise_on_error=False)
    config = answers.pop()  # A managed store may forbid CONFIG; any other refusal is an error.
    _raise_first(answers)
    times = {"now_ms": now_ms, "store_ms": store_ms}
    stats = _stats(iter(answers), config, heartbeats, campaigns=[*ledger.campaigns], **times)
    return replace(stats, refusal=refusal)


def _raise_first(answers: Sequence[Any]) -> None:
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer


def _ask(pipe: Any, now_ms: int, workers: list[str], *, campaigns: Collection[str]) -> None:
    """Queue the commands in the order in which `_stats` reads the answers."""
    ask_queues(pipe, now_ms, workers)
    pipe.hgetall(keys.COUNTS)
    for low, high in ((now_ms, now_ms + HOUR_MS), (now_ms, now_ms + 24 * HOUR_MS), ("-inf", f"({now_ms}")):
        for queue in SENDING_QUEUES:
            pipe.zcount(keys.delayed(queue), low, high)
    pipe.zcard(keys.DEAD)
    pipe.hlen(keys.SUPPRESSED)
    pipe.zcard(keys.UNREAD_BOOKINGS)
    pipe.scard(keys.UNMARKED)
    pipe.hlen(keys.RESTING)
    for campaign in campaigns:
        pipe.zcount(keys.content_bounces(campaign), now_ms - DAY_MS, "+inf")
    pipe.zcard(keys.CHANGED)
    pipe.zrange(keys.CHANGED, 0, 0, withscores=True)
    for provider in PROVIDERS:
        pipe.hmget(keys.circuit(provider), "until_ms", "since_ms", "reason")
    pipe.hmget(keys.PAUSES, EVERYBODY, *map(campaign_scope, campaigns))
    pipe.hkeys(keys.PAUSES)
    pipe.hgetall(keys.HOLD_ALL)
    pipe.info("persistence")
    pipe.info("memory")
    pipe.config_get("appendfsync")


def _stats(
    answers: Iterator[Any], config: Any, heartbeats: list[Any], *, campaigns: Sequence[str], now_ms: int, store_ms: int
) -> StoreStats:
    queues = read_queues(answers, now_ms)
    workers = read_workers(answers, heartbeats, store_ms)
    counts = {name.decode(): int(number) for name, number in next(answers).items()}
    due_next_hour, due_next_day, overdue = (sum(next(answers) for _ in SENDING_QUEUES) for _ in range(3))
    dead, suppressed, unread, unmarked, resting = (next(answers) for _ in range(5))
    content_bounces = [next(answers) for _ in campaigns]
    behind, oldest = (next(answers) for _ in range(2))
    circuits = {provider: _circuit(*next(answers)) for provider in PROVIDERS}
    (pause, *of_campaigns), pauses, holds, persistence, memory = (next(answers) for _ in range(5))
    return StoreStats(
        at_ms=now_ms,
        queues=queues,
        workers=workers,
        enrollments={status: counts.get(status, 0) for status in ENROLLMENT_STATUSES},
        deliveries={
            name.removeprefix("delivery:"): number
            for name, number in sorted(counts.items())
            if name.startswith("delivery:") and number
        },
        due_next_hour=due_next_hour,
        due_next_day=due_next_day,
        overdue=overdue,
        dead_letters=dead,
        suppressed=suppressed,
        mirror_behind=behind,
        mirror_lag_ms=max(0, now_ms - int(oldest[0][1])) if oldest else 0,
        held_signups={bound: number for bound in Bound if (number := counts.get(f"held:{bound}", 0))},
        unread_bookings=unread,
        unmarked_calls=unmarked,
        resting=resting,
        content_bounce_people=max(content_bounces),
        circuits={provider: circuit for provider, circuit in circuits.items() if circuit is not None},
        pause=read_pause(pause.decode()) if pause else None,
        paused_campaigns={
            campaign: read_pause(said.decode())
            for campaign, said in zip(campaigns, of_campaigns, strict=True)
            if said is not None
        },
        paused_contacts=sum(map(is_enrollment_id, texts(pauses))),
        holds=_holds(holds, {worker.id for worker in workers if worker.is_alive}),
        durability=_durability(persistence, memory, config),
        memory_bytes=int(memory.get("used_memory", 0)),
        memory_max_bytes=int(memory.get("maxmemory", 0)),
    )


def _circuit(until: bytes | None, since: bytes | None, reason: bytes | None) -> OpenCircuit | None:
    if until is None:
        return None
    return OpenCircuit(reason=(reason or b"").decode(), since_ms=int(since or until), until_ms=int(until))


def _holds(texts: Mapping[bytes, bytes], workers_alive: set[str]) -> dict[str, Hold]:
    holds = read_holds({name.decode(): text.decode() for name, text in texts.items()})
    return {name: hold for name, hold in holds.items() if "/" not in name or name.partition("/")[2] in workers_alive}


def _durability(persistence: Mapping[str, Any], memory: Mapping[str, Any], config: Any) -> dict[str, bool]:
    durability = {
        "appendonly": bool(persistence.get("aof_enabled")),
        "disk": "err" not in (persistence.get("aof_last_write_status"), persistence.get("aof_last_bgrewrite_status")),
        "noeviction": str(memory.get("maxmemory_policy", "noeviction")) == "noeviction",
    }
    if isinstance(config, Mapping) and config:
        durability["appendfsync"] = "always" in [_text(value) for value in config.values()]
    return durability


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
