"""The gauges that describe the store as a whole: brought up to date whenever a worker is asked for its metrics."""

from __future__ import annotations

import asyncio

from common.health_checks import Level, check_health
from common.ledger.ledger import Ledger
from common.ledger.reads.store_stats import PROVIDERS, QueueStats, StoreStats, read_store_stats
from common.observability import metrics
from common.store.errors import STORE_ERRORS

WAIT_S = 2.0
"""A scrape has ten seconds; a store that is away must not cost it the figures of the process itself."""


async def refresh(ledger: Ledger) -> None:
    """Never raises: `advent_store_up` is 0, and the others are what they were, while the store does not answer."""
    try:
        async with asyncio.timeout(WAIT_S):
            stats = await read_store_stats(ledger)
    except STORE_ERRORS:
        metrics.STORE_UP.set(0)
        return
    _show(stats)


def _show(stats: StoreStats) -> None:
    metrics.STORE_UP.set(1)
    metrics.STORE_MEMORY.set(stats.memory_bytes)
    metrics.STORE_MEMORY_MAX.set(stats.memory_max_bytes)
    metrics.WORKERS.set(stats.workers_alive)
    metrics.PAUSED.set(int(stats.pause is not None))
    metrics.DUE_UNSENT.set(stats.due_unsent)
    metrics.DUE_UNSENT_SECONDS.set(stats.due_unsent_ms / 1000)
    metrics.DEAD_LETTERS.set(stats.dead_letters)
    metrics.BOOKINGS_UNREAD.set(stats.unread_bookings)
    metrics.RESTING.set(stats.resting)
    metrics.CONTENT_BOUNCE_PEOPLE.set(stats.content_bounce_people)
    metrics.SUPPRESSED.set(stats.suppressed)
    metrics.MIRROR_BEHIND.set(stats.mirror_behind)
    metrics.MIRROR_LAG_SECONDS.set(stats.mirror_lag_ms / 1000)
    for promise, is_kept in stats.durability.items():
        metrics.STORE_DURABILITY.labels(promise).set(int(is_kept))
    for status, number in stats.enrollments.items():
        metrics.ENROLLMENTS.labels(status).set(number)
    for provider in PROVIDERS:
        metrics.CIRCUIT_OPEN.labels(provider).set(int(provider in stats.circuits))
    for finding in check_health(stats):
        for level in (Level.BROKEN, Level.NEEDS_PERSON):
            metrics.HEALTH.labels(finding.name, level.value).set(int(finding.level is level))
    for name, queue in stats.queues.items():
        _show_queue(name, queue)


def _show_queue(name: str, queue: QueueStats) -> None:
    metrics.QUEUE_JOBS.labels(name, "delayed").set(queue.scheduled + queue.due)
    metrics.QUEUE_JOBS.labels(name, "ready").set(queue.ready + queue.in_flight)
    metrics.QUEUE_JOBS.labels(name, "failed").set(queue.failed)
    metrics.QUEUE_SECONDS.labels(name).set(queue.oldest_ms / 1000)
