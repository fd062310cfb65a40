"""
What the dashboard reads of our queues, in place of its own way.

Its own looks for workers' messages with KEYS, which goes through the whole store while everybody waits; takes a
message's id from its body, where a job that became due has another one (`job id@due_ms`); and fails on a body that is
no message.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, unquote, urlencode

import redis
from dramatiq.errors import DecodeError
from dramatiq.message import Message
from dramatiq_dashboard.interface import Job, RedisInterface, Worker

from common.messages import QUEUE_NAMESPACE
from common.queue_scripts import ScriptedRedisBroker

PAGE = 300


class DurableQueues(RedisInterface):  # type: ignore[misc]  # untyped, where it is installed at all
    """The interface that `DashboardApp` reads by."""

    def __init__(self, broker: ScriptedRedisBroker) -> None:
        super().__init__(broker)
        self._client: redis.Redis = broker.client

    @property
    def workers(self) -> list[Worker]:
        beats: Any = self._client.zrange(f"{QUEUE_NAMESPACE}:__heartbeats__", 0, -1, withscores=True)
        return [
            Worker(name=name.decode(), last_seen=_naive(beat), jobs_in_flight=self._in_hand(name.decode()))
            for name, beat in beats
        ]

    def get_jobs(self, queue_name: str, cursor: int = 0) -> tuple[int | None, list[Job]]:
        found: Any = self._client.hscan(self.qualify(f"{queue_name}.msgs"), cursor, count=PAGE)
        following, bodies = found
        jobs = [_job(queue_name, stored_id.decode(), body) for stored_id, body in bodies.items()]
        return following or None, sorted(jobs, key=lambda job: job.timestamp, reverse=True)

    def get_job(self, queue_name: str, message_id: str) -> Job | None:
        """`message_id` as a form has it, or quoted as in a path."""
        key = self.qualify(f"{queue_name}.msgs")
        for stored_id in (message_id, unquote(message_id)):
            body = self._client.hget(key, stored_id)
            if isinstance(body, bytes):
                return _job(queue_name, stored_id, body)
        return None

    def _in_hand(self, worker: str) -> int:
        queues: Any = self._client.smembers(f"{QUEUE_NAMESPACE}:__queues__.{worker}")
        acks = (f"{QUEUE_NAMESPACE}:__acks__.{worker}.{queue.decode()}" for queue in queues)
        return sum(int(self._client.scard(each)) for each in acks)


def make_uri(prefix: str) -> Any:
    """As the dashboard's own, with each part quoted: our ids hold slashes."""

    def uri(*parts: object, params: dict[str, object] | None = None) -> str:
        path = "/".join(quote(str(part), safe="") for part in parts)
        return f"{prefix}/{path}" + (f"?{urlencode(params)}" if params else "")

    return uri


def timeago(instant: datetime) -> str:
    """`3m ago`, `in 2h`; the dashboard's own reads the clock in a way that Python gives up."""
    seconds = (datetime.now(UTC).replace(tzinfo=None) - instant).total_seconds()  # noqa: TID251 -- a page for eyes
    apart = abs(seconds)
    size, unit = next(((size, unit) for size, unit in _UNITS if apart >= size), (1, "s"))
    told = f"{apart / size:.0f}{unit}"
    return f"{told} ago" if seconds >= 0 else f"in {told}"


_UNITS = ((86_400, "d"), (3_600, "h"), (60, "m"))


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
