"""Helpers that read a queue in the store, and that wait for an event instead of a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from dramatiq.message import Message

from common.queue.broker import DurableRedisBroker
from common.queue.job import Job


def eventually(is_so: Callable[[], Any], *, within_s: float = 60) -> Any:
    """Return the first true result of `is_so`. Fails after a time that only a fault can take."""
    deadline = time.monotonic() + within_s
    while not (answer := is_so()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)
    return answer


def job(job_id: str = "dlv_1", *, due_ms: int, queue: str = "default") -> Job:
    return Job(id=job_id, actor="send", queue=queue, args=(job_id,), due_ms=due_ms)


def waiting(broker: DurableRedisBroker, queue: str = "default") -> dict[str, int]:
    """Return the scheduled jobs: job id → due ms. Fails if a body has no scheduled job."""
    key = f"{broker.namespace}:{queue}.DQ"
    due, bodies = broker.client.pipeline().zrange(key, 0, -1, withscores=True).hkeys(f"{key}.msgs").execute()
    assert set(bodies) <= {job_id for job_id, _ in due}
    return {job_id.decode(): int(due_ms) for job_id, due_ms in due}


def ready(broker: DurableRedisBroker, queue: str = "default") -> list[str]:
    return [ready_id.decode() for ready_id in broker.client.lrange(f"{broker.namespace}:{queue}", 0, -1)]


def held(broker: DurableRedisBroker, queue: str = "default") -> set[str]:
    """Return the messages that this broker has fetched and neither acknowledged nor rejected."""
    acks = broker.client.smembers(f"{broker.namespace}:__acks__.{broker.broker_id}.{queue}")
    return {ready_id.decode() for ready_id in acks}


def dead(broker: DurableRedisBroker, queue: str = "default") -> list[Message[Any]]:
    key = f"{broker.namespace}:{queue}.XQ"
    bodies = (broker.client.hget(f"{key}.msgs", ready_id) for ready_id in broker.client.zrange(key, 0, -1))
    return [Message.decode(body) for body in bodies if body is not None]


def workers(broker: DurableRedisBroker) -> set[str]:
    return {worker.decode() for worker in broker.client.zrange(f"{broker.namespace}:__heartbeats__", 0, -1)}


def fall_silent(broker: DurableRedisBroker) -> None:
    """Set the broker's heartbeat back by a minute, as if its process had been killed then."""
    broker.client.zincrby(f"{broker.namespace}:__heartbeats__", -60_000, broker.broker_id)
