"""The HTTP endpoints of a worker: health, readiness and metrics. The gauges of the store are read for each scrape."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from common.domain.signup_bounds import Bound
from common.health_checks import Level, check_health
from common.ledger.ledger import Ledger
from common.ledger.reads.queue_stats import QueueStats
from common.ledger.reads.store_stats import PROVIDERS, StoreStats, read_store_stats
from common.observability import metrics
from common.settings.settings import url_of
from common.store.errors import STORE_ERRORS
from common.store.monitor import StoreMonitor
from common.store.refusals import find_refusal
from common.versions.played import PlayedVersions

log = structlog.get_logger(__name__)


class WorkerHttp:
    """`/health`, `/ready` and `/metrics` of one worker."""

    def __init__(self, ledger: Ledger, monitor: StoreMonitor, versions: PlayedVersions) -> None:
        self.starting = True
        self.draining = False
        self._ledger, self._monitor, self._versions = ledger, monitor, versions
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int) -> None:
        """Listen on this port, or, if another worker of this machine uses it, on any free port, which is logged."""
        app = web.Application()
        app.add_routes(
            [web.get("/health", self._health), web.get("/ready", self._ready), web.get("/metrics", self._metrics)]
        )
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, host, port).start()
        except OSError as error:
            await web.TCPSite(self._runner, host, 0).start()
            log.warning("worker_metrics_port_taken", port=port, error=str(error.strerror))
        log.info("worker_http_started", url=url_of(host, self._runner.addresses[0][1]))

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _health(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "healthy"})

    async def _ready(self, _request: web.Request) -> web.Response:
        try:
            refusal = await find_refusal(self._ledger.client)
            store = refusal.line if refusal else "ok"
        except STORE_ERRORS as error:
            store = type(error).__name__
        ready = store == "ok" and not self.starting and not self.draining
        body = {
            "status": "ready" if ready else "not ready",
            "store": store,
            "draining": self.draining,
            "warnings": self._monitor.warnings,
        }
        return web.json_response(body, status=200 if ready else 503)

    async def _metrics(self, _request: web.Request) -> web.Response:
        await refresh_gauges(self._ledger, files_differ=self._versions.differing)
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})


STATS_TIMEOUT_S = 2.0
"""A scrape has ten seconds. Without the store it must still get the figures of the process itself."""


async def refresh_gauges(ledger: Ledger, *, files_differ: Sequence[str] = ()) -> None:
    """Update the gauges. Never raises: while the store is away, `advent_store_up` is 0 and the others do not change."""
    try:
        async with asyncio.timeout(STATS_TIMEOUT_S):
            stats = await read_store_stats(ledger)
    except STORE_ERRORS:
        metrics.STORE_UP.set(0)
        return
    _set_gauges(stats)
    for campaign in ledger.campaigns:
        metrics.CAMPAIGN_PAUSED.labels(campaign).set(int(campaign in stats.paused_campaigns))
    for finding in check_health(stats, files_differ=files_differ):
        for level in (Level.BROKEN, Level.NEEDS_PERSON):
            metrics.HEALTH.labels(finding.name, level.value).set(int(finding.level is level))


def _set_gauges(stats: StoreStats) -> None:
    metrics.STORE_UP.set(1)
    metrics.STORE_MEMORY.set(stats.memory_bytes)
    metrics.STORE_MEMORY_MAX.set(stats.memory_max_bytes)
    metrics.WORKERS.set(stats.workers_alive)
    metrics.PAUSED.set(int(stats.pause is not None))
    metrics.DUE_UNSENT.set(stats.due_unsent)
    metrics.DUE_UNSENT_SECONDS.set(stats.due_unsent_ms / 1000)
    metrics.DEAD_LETTERS.set(stats.dead_letters)
    metrics.BOOKINGS_UNREAD.set(stats.unread_bookings)
    metrics.SIGNUPS_HELD.set(sum(stats.held_signups.values()))
    for bound in Bound:
        metrics.SIGNUPS_HELD_BY.labels(bound.value).set(stats.held_signups.get(bound, 0))
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
    for name, queue in stats.queues.items():
        _set_queue_gauges(name, queue)


def _set_queue_gauges(name: str, queue: QueueStats) -> None:
    metrics.QUEUE_JOBS.labels(name, "delayed").set(queue.scheduled + queue.due)
    metrics.QUEUE_JOBS.labels(name, "ready").set(queue.ready + queue.in_flight)
    metrics.QUEUE_JOBS.labels(name, "failed").set(queue.failed)
    metrics.QUEUE_SECONDS.labels(name).set(queue.oldest_ms / 1000)
