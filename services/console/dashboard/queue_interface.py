"""
The interface through which the dashboard reads Advent's queues. It replaces the dashboard's own interface, which

- finds workers' messages with KEYS, which blocks the store during the scan;
- takes a message's id from its body, although a job that became due has another id (`job id@due_ms`);
- fails on a body that is not a message;
- does not find a delayed job without a body; a job gets its body only when it is due.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, unquote, urlencode

import redis
from dramatiq.common import dq_name, q_name
from dramatiq.errors import DecodeError
from dramatiq.message import Message
from dramatiq_dashboard.interface import Job, RedisInterface, Worker

from common.queue.job import Job as DelayedJob
from common.queue.layout import QueueLayout
from common.queue.lua_broker import LuaBroker

PAGE = 300
_LAYOUT = QueueLayout()


class QueueInterface(RedisInterface):  # type: ignore[misc]  # untyped, where it is installed at all
    """Reads queues, jobs and workers for `DashboardApp`."""

    def __init__(self, broker: LuaBroker) -> None:
        super().__init__(broker)
        self._client: redis.Redis = broker.client

    @property
    def workers(self) -> list[Worker]:
        beats: Any = self._client.zrange(_LAYOUT.heartbeats(), 0, -1, withscores=True)
        return [
            Worker(name=name.decode(), last_seen=_naive(beat), jobs_in_flight=self._in_flight(name.decode()))
            for name, beat in beats
        ]

    def do_get_queues_stats(self, *names: str) -> list[tuple[bytes, int, int, int]]:
        """Return for each queue: name, number of jobs ready or in flight, number delayed, number failed."""
        pipe = self._client.pipeline(transaction=False)
        for name in names:
            pipe.hlen(_LAYOUT.messages(name))
            pipe.zcard(_LAYOUT.delayed(name))
            pipe.hlen(_LAYOUT.dead_messages(name))
        counts: list[int] = pipe.execute()
        return [(name.encode(), *counts[3 * at : 3 * at + 3]) for at, name in enumerate(names)]  # type: ignore[misc]

    def get_jobs(self, queue_name: str, cursor: int = 0) -> tuple[int | None, list[Job]]:
        if queue_name == dq_name(queue_name):
            return self._delayed_jobs(queue_name, cursor)
        found: Any = self._client.hscan(_LAYOUT.messages(queue_name), cursor, count=PAGE)
        following, bodies = found
        jobs = [_job(queue_name, stored_id.decode(), body) for stored_id, body in bodies.items()]
        return following or None, sorted(jobs, key=lambda job: job.timestamp, reverse=True)

    def get_job(self, queue_name: str, message_id: str) -> Job | None:
        """Return a job by its id. `message_id`: plain, as in a form, or URL-quoted, as in a path."""
        key, delayed = _LAYOUT.messages(queue_name), queue_name == dq_name(queue_name)
        for stored_id in (message_id, unquote(message_id)):
            body: Any = self._client.hget(key, stored_id)
            if body is not None:
                return _job(queue_name, stored_id, body)
            due_ms: Any = self._client.zscore(_LAYOUT.delayed(q_name(queue_name)), stored_id) if delayed else None
            if due_ms is not None:
                return _bodiless_job(queue_name, stored_id, due_ms)
        return None

    def _delayed_jobs(self, queue_name: str, first: int) -> tuple[int | None, list[Job]]:
        """Return the index of the next page, or None, and a page of delayed jobs, soonest first."""
        entries: Any = self._client.zrange(
            _LAYOUT.delayed(q_name(queue_name)), first, first + PAGE - 1, withscores=True
        )
        if not entries:
            return None, []
        bodies: Any = self._client.hmget(_LAYOUT.messages(queue_name), [job_id for job_id, _ in entries])
        jobs = [
            _job(queue_name, job_id.decode(), body) if body else _bodiless_job(queue_name, job_id.decode(), due_ms)
            for (job_id, due_ms), body in zip(entries, bodies, strict=True)
        ]
        return (first + PAGE if len(entries) == PAGE else None), jobs

    def _in_flight(self, worker: str) -> int:
        queues: Any = self._client.smembers(_LAYOUT.queues_of(worker))
        in_flight = (_LAYOUT.in_flight(worker, queue.decode()) for queue in queues)
        return sum(int(self._client.scard(each)) for each in in_flight)


def make_uri(prefix: str) -> Any:
    """Return a replacement of the dashboard's `make_uri` that quotes each part, because job ids contain slashes."""

    def uri(*parts: object, params: dict[str, object] | None = None) -> str:
        path = "/".join(quote(str(part), safe="") for part in parts)
        return f"{prefix}/{path}" + (f"?{urlencode(params)}" if params else "")

    return uri


def timeago(time: datetime) -> str:
    """`3m ago`, `in 2h`, `unknown`. The dashboard's own filter reads the clock with a deprecated function."""
    if time == _UNKNOWN:
        return "unknown"
    seconds = (datetime.now(UTC).replace(tzinfo=None) - time).total_seconds()  # noqa: TID251 -- a page for people
    age = abs(seconds)
    size, unit = next(((size, unit) for size, unit in _UNITS if age >= size), (1, "s"))
    text = f"{age / size:.0f}{unit}"
    return f"{text} ago" if seconds >= 0 else f"in {text}"


_UNITS = ((86_400, "d"), (3_600, "h"), (60, "m"))
_UNKNOWN = datetime.min  # noqa: DTZ901 -- naive, like every time of the dashboard


def _bodiless_job(queue_name: str, job_id: str, due_ms: float) -> Job:
    """Return a delayed job that has no body. Its place tells everything except its creation time."""
    body = DelayedJob(id=job_id, actor=q_name(queue_name), args=(job_id,), due_ms=int(due_ms)).message()
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
    """Return a naive UTC datetime, because the dashboard compares naive ones."""
    return datetime.fromtimestamp(ms / 1000, UTC).replace(tzinfo=None)
