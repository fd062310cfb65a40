"""The worker process: runs the actors on the queues until it is stopped."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import wait
from typing import Any

import dramatiq
import structlog
from dramatiq.asyncio import get_event_loop_thread
from dramatiq.errors import Retry
from dramatiq.middleware import AsyncIO, Retries, TimeLimit

from actors.registry import REGISTRY, THREADS, declare
from actors.upkeep.booking_sync import run_booking_sync
from actors.upkeep.bootstrap import Bootstrap
from actors.upkeep.clock_watch import ClockWatch
from actors.upkeep.generation_guard import GenerationGuard
from actors.upkeep.healthcheck_ping import keep_pinging
from actors.upkeep.provider_report import keep_reporting_providers
from actors.upkeep.retention import run_retention
from actors.upkeep.suppression_sync import run_suppression_sync
from actors.upkeep.sweeper import run_sweeper
from actors.worker_http import WorkerHttp
from common.background import BackgroundTasks
from common.campaigns.campaigns import Campaigns, load_campaigns
from common.campaigns.errors import CampaignError
from common.clock import DateWitness, SystemClock
from common.ledger.constants import SENDING_QUEUES
from common.ledger.ledger import Ledger
from common.ledger.store import Store
from common.observability import metrics
from common.observability.tracing import traced
from common.processes import limit_malloc
from common.providers.build import Providers, build_providers
from common.providers.http import preload_httpx
from common.providers.notion.mirror import NotionMirror
from common.queue.broker import DurableRedisBroker
from common.queue.layout import NAMESPACE
from common.queue.lua_broker import compose_scripts
from common.settings.settings import Settings
from common.store.clients import connect, connect_async
from common.store.errors import STORE_ERRORS
from common.store.monitor import StoreMonitor
from common.versions.played import PlayedVersions
from common.world import World

log = structlog.get_logger(__name__)

SIGNAL_POLL_S = 0.5
_SENDING_LIMITS = {spec.name: spec.in_flight for spec in REGISTRY if spec.name in SENDING_QUEUES}
DRAIN_MS = 20_000
"""How long a stop waits for running jobs: a request takes 10 s at most, and the platform kills after 30 s."""
BACKGROUND_STOP_S = 5.0
"""How long a stop waits for background tasks: a store that does not answer must not delay it further."""


class Worker:
    """A worker: its broker, the context of its actors, its background tasks and its HTTP endpoints."""

    def __init__(self, settings: Settings, store_url: str, *, stopping: threading.Event | None = None) -> None:
        """`stopping`: the caller sets it to end the worker, also while it is still starting."""
        self.stopping = stopping or threading.Event()
        self.settings = settings
        self.store_url = store_url
        self.clock = SystemClock()
        self.broker = DurableRedisBroker(
            client=connect(store_url, process="worker"),
            namespace=NAMESPACE,
            middleware=[AsyncIO(), TimeLimit(), Retries(), JobMetrics()],
        )
        self.broker.clock = self.clock
        self.broker.in_flight.limits = {spec.name: spec.in_flight for spec in REGISTRY}
        self.world: World | None = None
        self._providers: Providers | None = None
        self._background = BackgroundTasks()
        self._http: WorkerHttp | None = None
        self._bootstrap: Bootstrap | None = None
        self.failure: str | None = None
        """Why the worker ends on its own, in one line; otherwise None."""
        self._generation: GenerationGuard | None = None
        self._dramatiq: Any = dramatiq.Worker(self.broker, worker_threads=THREADS, worker_timeout=1_000)

    def start(self) -> None:
        """
        Start the worker. It fetches jobs only after these steps:

        1. The context is built, on the event loop that dramatiq's worker starts.
        2. The store is checked against its witnesses.
        3. If the store is empty, it is filled from Notion, if Notion answers.

        Raises SettingsError or CampaignError before any job is fetched.
        """
        campaigns = load_campaigns(self.settings.campaign_keys, directory=self.settings.campaigns_dir)
        if ignored := campaigns.windows_ignored(self.settings.pace):
            log.warning("sending_windows_ignored", campaigns=ignored, why="TESTING_MODE")
        self._dramatiq.start()
        self._on_loop(self._build(campaigns))
        self._before_work()
        if self.stopping.is_set():
            return
        declare(self.broker, lambda: self.world)  # type: ignore[arg-type, return-value]
        if self._http is not None:
            self._http.starting = False
        log.info("worker_started", worker=self.broker.broker_id, threads=THREADS)

    def _before_work(self) -> None:
        """Wait until the store is checked and, if necessary, filled from Notion, or until the worker must stop."""
        loop = get_event_loop_thread()
        assert loop is not None, "the AsyncIO middleware starts the loop with the worker"
        assert self.world is not None, "it was built just now"
        self._bootstrap, self._generation = Bootstrap(self.world), GenerationGuard(self.world)
        checks = [self._generation.before_work, self._bootstrap.before_work]
        ready = asyncio.run_coroutine_threadsafe(wait_through_outages(self.world.ledger.store, checks), loop.loop)
        while not wait([ready], timeout=0.2).done and not self.stopping.is_set():
            pass
        if ready.done():
            ready.result()
            tasks = [self._bootstrap.watch_store(), self._generation.watch()]
            loop.loop.call_soon_threadsafe(self._background.start, tasks)
        ready.cancel()

    def stop(self) -> None:
        """Stop fetching, finish running jobs and requeue the others. Other workers rescue jobs that are cut off."""
        log.info("worker_stopping", worker=self.broker.broker_id)
        loop = get_event_loop_thread()
        closing = asyncio.run_coroutine_threadsafe(self._stop_background(), loop.loop) if loop else None
        if closing is not None and not wait([closing], timeout=BACKGROUND_STOP_S).done:
            log.warning("background_tasks_left", after_s=BACKGROUND_STOP_S)
        elif closing is not None and (error := closing.exception()) is not None:
            _report_stop_failure(error)
        self._dramatiq.stop(timeout=DRAIN_MS)
        self.broker.close()
        log.info("worker_stopped")

    async def _build(self, campaigns: Campaigns) -> None:
        client = connect_async(self.store_url, process="worker")
        terms = campaigns.terms(self.settings.pace)
        ledger = Ledger.of(
            client,
            terms,
            secret_key=self.settings.secret,
            patient=True,
            separate_spellings=self.settings.testing_mode,
        )
        witness = DateWitness(self.clock.steady_ms)
        self._clock_watch = ClockWatch(
            ledger,
            self.clock,
            worker=self.broker.broker_id,
            witness=witness,
            url=self.settings.resend_api_url,
            stop_sending=self._stop_sending,
        )
        await ledger.store.call(self._clock_watch.check)
        self._providers = build_providers(self.settings, client, self.clock, campaigns=campaigns, witness=witness)
        versions = PlayedVersions(
            campaigns, ledger, self.settings, self.clock, on_change=lambda _: self._show(campaigns), replans=True
        )
        await ledger.store.call(versions.refresh)
        self.world = World(
            clock=self.clock,
            ledger=ledger,
            settings=self.settings,
            campaigns=campaigns,
            versions=versions,
            **self._providers.parts(),
            worker=self.broker.broker_id,
        )
        monitor = StoreMonitor(client, self.settings.secret)
        self._http = WorkerHttp(ledger, monitor, versions)
        await self._http.start(self.settings.metrics_host, self.settings.worker_metrics_port)
        background = [
            run_sweeper(ledger, self.clock, self.broker.broker_id),
            self._clock_watch.run(),
            monitor.run(),
            run_suppression_sync(self.world),
            run_retention(self.world),
            keep_reporting_providers(self.world),
            self._play_versions(versions),
        ]
        if url := self.settings.healthcheck_ping_url:
            background.append(keep_pinging(ledger, url, worker=self.broker.broker_id))
        if self.world.calendar is not None:
            background.append(run_booking_sync(self.world))
        self._background.start(background)

    def _show(self, campaigns: Campaigns) -> None:
        if self._providers is not None and isinstance(self._providers.mirror, NotionMirror):
            self._providers.mirror.use_columns(campaigns.notion_columns)

    async def _play_versions(self, versions: PlayedVersions) -> None:
        """Follow the versions in force. A worker whose release of Advent cannot read one ends; others may read it."""
        try:
            await versions.run()
        except CampaignError as error:
            log.error("campaign_version_unreadable", problem=str(error))
            self.failure = str(error)
            self.stopping.set()

    def _stop_sending(self, is_stopped: bool) -> None:
        """Stop or resume fetching deliveries; others send them. Jobs already fetched are refused by claim or freeze."""
        for name, limit in _SENDING_LIMITS.items():
            self.broker.in_flight.limits[name] = 0 if is_stopped else limit

    async def _stop_background(self) -> None:
        if self._http is not None:
            self._http.draining = True
        await self._background.stop()  # Before the leases are given up, so that no task takes one again.
        parts = [part for part in (self._bootstrap, self._generation) if part is not None]
        for ended in await asyncio.gather(*(part.stop() for part in parts), return_exceptions=True):
            if isinstance(ended, BaseException):
                _report_stop_failure(ended)

    def _on_loop(self, coroutine: Any) -> None:
        loop = get_event_loop_thread()
        assert loop is not None, "the AsyncIO middleware starts the loop with the worker"
        loop.run_coroutine(coroutine)


async def wait_through_outages(store: Store, calls: Iterable[Callable[[], Awaitable[object]]]) -> None:
    """Await the calls one after the other. Each is repeated while the store is away, so the start does not fail."""
    for call in calls:
        await store.call(call)


def _report_stop_failure(error: BaseException) -> None:
    if isinstance(error, STORE_ERRORS):
        log.warning("background_stop_failed", error=type(error).__name__)
    else:
        log.error("background_stop_failed", exc_info=error)


class JobMetrics(dramatiq.Middleware):
    """Middleware that counts jobs and logs the traceback of those that failed with an internal error."""

    def after_process_message(
        self, broker: dramatiq.Broker, message: Any, *, result: Any = None, exception: BaseException | None = None
    ) -> None:
        # Retry: the actor wants a repetition and has already logged why.
        outcome = "done" if exception is None else "again" if isinstance(exception, Retry) else "failed"
        metrics.JOBS.labels(message.actor_name, outcome).inc()
        if outcome == "failed":
            log.error("job_failed", actor=message.actor_name, job=message.message_id, exc_info=exception)


def preload(_settings: Settings) -> None:
    """Import modules and compose scripts before `advent up` forks, so that the processes share their memory."""
    preload_httpx()
    compose_scripts(NAMESPACE)


def run(settings: Settings, store_url: str) -> int:
    """Run until SIGTERM or SIGINT, then drain. Return 0, or 1 if a campaign's version in force cannot be read."""
    limit_malloc()
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    worker = Worker(settings, store_url, stopping=stopping)
    with traced("worker"):
        worker.start()
        # The timeout is needed: the kernel may deliver a signal to any thread (it does after SIGSTOP and SIGCONT), and
        # Python's handler runs in this thread only when it next wakes.
        while not stopping.wait(SIGNAL_POLL_S):
            pass
        worker.stop()
    if worker.failure is not None:
        sys.stderr.write(f"{worker.failure}\n")
        return 1
    return 0
