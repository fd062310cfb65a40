"""
What the dashboard reads of our queues, in place of its own way.

Its own looks for workers' messages with KEYS, which goes through the whole store while everybody waits; takes a
message's id from its body, where a job that became due has another one (`job id@due_ms`); fails on a body that is no
message; and sees nothing of a plain job that waits, which has no body until it is due.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, unquote, urlencode

import redis
from dramatiq.common import dq_name, q_name, xq_name
from dramatiq.errors import DecodeError
from dramatiq.message import Message
from dramatiq_dashboard.interface import Job, RedisInterface, Worker

from common.queue.job import Job as Waiting
from common.queue.layout import NAMESPACE
from common.queue.lua_broker import LuaBroker

PAGE = 300


class DurableQueues(RedisInterface):  # type: ignore[misc]  # untyped, where it is installed at all
    """The interface that `DashboardApp` reads by."""

    def __init__(self, broker: LuaBroker) -> None:
        super().__init__(broker)
        self._client: redis.Redis = broker.client

    @property
    def workers(self) -> list[Worker]:
        beats: Any = self._client.zrange(f"{NAMESPACE}:__heartbeats__", 0, -1, withscores=True)
        return [
            Worker(name=name.decode(), last_seen=_naive(beat), jobs_in_flight=self._in_hand(name.decode()))
            for name, beat in beats
        ]

    def do_get_queues_stats(self, *names: str) -> list[tuple[bytes, int, int, int]]:
        """Of each queue: its name, and what is ready or in hand, what waits, and what failed."""
        pipe = self._client.pipeline(transaction=False)
        for name in names:
            pipe.hlen(self.qualify(f"{name}.msgs"))
            pipe.zcard(self.qualify(dq_name(name)))
            pipe.hlen(self.qualify(f"{xq_name(name)}.msgs"))
        counts: list[int] = pipe.execute()
        return [(name.encode(), *counts[3 * at : 3 * at + 3]) for at, name in enumerate(names)]  # type: ignore[misc]

    def get_jobs(self, queue_name: str, cursor: int = 0) -> tuple[int | None, list[Job]]:
        if queue_name == dq_name(queue_name):
            return self._waiting(queue_name, cursor)
        found: Any = self._client.hscan(self.qualify(f"{queue_name}.msgs"), cursor, count=PAGE)
        following, bodies = found
        jobs = [_job(queue_name, stored_id.decode(), body) for stored_id, body in bodies.items()]
        return following or None, sorted(jobs, key=lambda job: job.timestamp, reverse=True)

    def get_job(self, queue_name: str, message_id: str) -> Job | None:
        """`message_id` as a form has it, or quoted as in a path."""
        key, delayed = self.qualify(f"{queue_name}.msgs"), queue_name == dq_name(queue_name)
        for stored_id in (message_id, unquote(message_id)):
            body: Any = self._client.hget(key, stored_id)
            if body is not None:
                return _job(queue_name, stored_id, body)
            due_ms: Any = self._client.zscore(self.qualify(queue_name), stored_id) if delayed else None
            if due_ms is not None:
                return _plain(queue_name, stored_id, due_ms)
        return None

    def _waiting(self, queue_name: str, first: int) -> tuple[int | None, list[Job]]:
        """A page of what waits, the soonest first."""
        places: Any = self._client.zrange(self.qualify(queue_name), first, first + PAGE - 1, withscores=True)
        if not places:
            return None, []
        bodies: Any = self._client.hmget(self.qualify(f"{queue_name}.msgs"), [job_id for job_id, _ in places])
        jobs = [
            _job(queue_name, job_id.decode(), body) if body else _plain(queue_name, job_id.decode(), due_ms)
            for (job_id, due_ms), body in zip(places, bodies, strict=True)
        ]
        return (first + PAGE if len(places) == PAGE else None), jobs

    def _in_hand(self, worker: str) -> int:
        queues: Any = self._client.smembers(f"{NAMESPACE}:__queues__.{worker}")
        acks = (f"{NAMESPACE}:__acks__.{worker}.{queue.decode()}" for queue in queues)
        return sum(int(self._client.scard(each)) for each in acks)


def make_uri(prefix: str) -> Any:
    """As the dashboard's own, with each part quoted: our ids hold slashes."""

    def uri(*parts: object, params: dict[str, object] | None = None) -> str:
        path = "/".join(quote(str(part), safe="") for part in parts)
        return f"{prefix}/{path}" + (f"?{urlencode(params)}" if params else "")

    return uri


def timeago(utc_datetime: datetime) -> str:
    """`3m ago`, `in 2h`, `unknown`; the dashboard's own reads the clock in a way that Python gives up."""
    if utc_datetime == _UNKNOWN:
        return "unknown"
    seconds = (datetime.now(UTC).replace(tzinfo=None) - utc_datetime).total_seconds()  # noqa: TID251 -- a page for eyes
    apart = abs(seconds)
    size, unit = next(((size, unit) for size, unit in _UNITS if apart >= size), (1, "s"))
    told = f"{apart / size:.0f}{unit}"
    return f"{told} ago" if seconds >= 0 else f"in {told}"


_UNITS = ((86_400, "d"), (3_600, "h"), (60, "m"))


_UNKNOWN = datetime.min  # noqa: DTZ901 -- naive, like all instants of the dashboard


def _plain(queue_name: str, job_id: str, due_ms: float) -> Job:
    """One that waits without a body: all but when it was made follows from where it is."""
    body = Waiting(id=job_id, actor=q_name(queue_name), args=(job_id,), due_ms=int(due_ms)).message()
    return replace(_job(queue_name, job_id, body.encode()), timestamp=_UNKNOWN)


def _job(queue_name: str, stored_id: str, body: bytes) -> Job:
    try:
        message = Message.decode(body)
    except DecodeError:
        message = Message(queue_name, "(unreadable)", (), {}, {}, message_id=stored_id, message_timestamp=0)
    message = message.copy(options={"redis_message_id": stored_id})
    return Job(
        message_id=stored_id,
        message=message,
        eta=_naive(message.options.get("eta", message.message_timestamp)),
        timestamp=_naive(message.message_timestamp),
        retries=message.options.get("retries", 0),
    )


def _naive(ms: float) -> datetime:
    """The dashboard compares naive instants, UTC."""
    return datetime.fromtimestamp(ms / 1000, UTC).replace(tzinfo=None)
