"""The gauges that describe the store as a whole: brought up to date whenever a worker is asked for its metrics."""

from __future__ import annotations

import asyncio

import redis

from common.ledger.ledger import Ledger
from common.ledger.reads.store_stats import PROVIDERS, QueueStats, StoreStats, read_store_stats
from common.observability import metrics

WAIT_S = 2.0
"""A scrape has ten seconds; a store that is away must not cost it the figures of the process itself."""


async def refresh(ledger: Ledger) -> None:
    """Never raises: `advent_store_up` is 0, and the others are what they were, while the store does not answer."""
    try:
        async with asyncio.timeout(WAIT_S):
            found = await read_store_stats(ledger)
    except (redis.RedisError, OSError):  # TimeoutError is an OSError
        metrics.STORE_UP.set(0)
        return
    _show(found)


def _show(found: StoreStats) -> None:
    metrics.STORE_UP.set(1)
    metrics.STORE_MEMORY.set(found.memory_bytes)
    metrics.STORE_MEMORY_MAX.set(found.memory_max_bytes)
    metrics.WORKERS.set(found.workers)
    metrics.PAUSED.set(int(found.pause is not None))
    metrics.DUE_UNSENT.set(found.due_unsent)
    metrics.DUE_UNSENT_SECONDS.set(found.due_unsent_ms / 1000)
    metrics.DEAD_LETTERS.set(found.dead)
    metrics.BOOKINGS_UNREAD.set(found.unread_bookings)
    metrics.SUPPRESSED.set(found.suppressed)
    metrics.MIRROR_BEHIND.set(found.changed)
    metrics.MIRROR_LAG_SECONDS.set(found.mirror_lag_ms / 1000)
    for promise, kept in found.safe.items():
        metrics.STORE_SAFE.labels(promise).set(int(kept))
    for status, number in found.people.items():
        metrics.ENROLLMENTS.labels(status).set(number)
    for provider in PROVIDERS:
        metrics.CIRCUIT_OPEN.labels(provider).set(int(provider in found.circuits))
    for name, queue in found.queues.items():
        _show_queue(name, queue)


def _show_queue(name: str, queue: QueueStats) -> None:
    metrics.QUEUE_JOBS.labels(name, "delayed").set(queue.delayed)
    metrics.QUEUE_JOBS.labels(name, "ready").set(queue.ready)
    metrics.QUEUE_JOBS.labels(name, "failed").set(queue.failed)
    metrics.QUEUE_SECONDS.labels(name).set(queue.oldest_ms / 1000)
