"""dramatiq's entry: one process that works off the queues until it is told to stop."""

from __future__ import annotations

import asyncio
import signal
import threading
from concurrent.futures import wait
from typing import Any

import dramatiq
import structlog
from dramatiq.asyncio import get_event_loop_thread
from dramatiq.errors import Retry
from dramatiq.middleware import AsyncIO, Retries, TimeLimit

from actors.background import BackgroundTasks
from actors.registry import REGISTRY, THREADS, declare
from actors.upkeep.booking_sync import keep_comparing
from actors.upkeep.bootstrap import FirstStart
from actors.upkeep.healthcheck_ping import keep_pinging
from actors.upkeep.sweeper import calibrate, heal
from actors.worker_http import Watch
from common.campaigns.loader import load_campaign
from common.clock import SystemClock
from common.ledger.ledger import Ledger
from common.observability import metrics
from common.observability.tracing import traced
from common.providers.build import Providers, build_providers
from common.queue.broker import DurableRedisBroker
from common.queue.job import QUEUE_NAMESPACE
from common.settings.settings import Settings
from common.store.clients import connect, connect_async
from common.store.monitor import Lookout
from common.world import World

log = structlog.get_logger(__name__)

LOOK_S = 0.5
DRAIN_MS = 20_000
"""A stop waits this long for jobs in hand: a request takes 10 s at most, and the platform kills after 30."""


class Worker:
    """The queues, the world the actors play in, and the loop both meet in."""

    def __init__(self, settings: Settings, store_url: str, *, stopping: threading.Event | None = None) -> None:
        """`stopping`: set by whoever wants the worker to end, also while it still starts."""
        self.stopping = stopping or threading.Event()
        self.settings = settings
        self.store_url = store_url
        self.clock = SystemClock()
        self.broker = DurableRedisBroker(
            client=connect(store_url, process="worker"),
            namespace=QUEUE_NAMESPACE,
            middleware=[AsyncIO(), TimeLimit(), Retries(), Observe()],
        )
        self.broker.clock = self.clock
        self.broker.in_flight_limits = {role.name: role.in_flight for role in REGISTRY}
        self.world: World | None = None
        self._providers: Providers | None = None
        self._background = BackgroundTasks()
        self._watch: Watch | None = None
        self._first_start: FirstStart | None = None
        self._dramatiq: Any = dramatiq.Worker(self.broker, worker_threads=THREADS, worker_timeout=1_000)

    def start(self) -> None:
        """
        Begin to work. The queues open only when the world stands, since the loop it lives in comes with the worker; and
        over an empty store only when Notion was read, if it answers.

        Raises SettingsError or CampaignError before any job is taken.
        """
        campaign = load_campaign(self.settings.campaign, directory=self.settings.campaigns_dir)
        self._dramatiq.start()
        self._on_loop(self._build(campaign))
        self._before_work()
        if self.stopping.is_set():
            return
        declare(self.broker, lambda: self.world)  # type: ignore[arg-type, return-value]
        if self._watch is not None:
            self._watch.opening = False
        log.info("worker_started", worker=self.broker.broker_id, threads=THREADS)

    def _before_work(self) -> None:
        """Wait for it, but not when the worker shall end."""
        loop = get_event_loop_thread()
        assert loop is not None, "the AsyncIO middleware starts the loop with the worker"
        assert self.world is not None, "it was built just now"
        self._first_start = FirstStart(self.world)
        ready = asyncio.run_coroutine_threadsafe(self._first_start.before_work(), loop.loop)
        while not wait([ready], timeout=0.2).done and not self.stopping.is_set():
            pass
        if ready.done():
            ready.result()
            loop.loop.call_soon_threadsafe(self._background.begin, [self._first_start.keep_looking()])
        ready.cancel()

    def stop(self) -> None:
        """Take no more jobs, finish those in hand, give the others back. What is cut short is taken over elsewhere."""
        log.info("worker_stopping", worker=self.broker.broker_id)
        loop = get_event_loop_thread()
        closing = asyncio.run_coroutine_threadsafe(self._ready_no_more(), loop.loop) if loop else None
        if closing is not None:
            closing.result(5)
        self._dramatiq.stop(timeout=DRAIN_MS)
        self.broker.close()
        log.info("worker_stopped")

    async def _build(self, campaign: Any) -> None:
        client = connect_async(self.store_url, process="worker")
        ledger = Ledger(
            client,
            campaign=campaign.key,
            cadence=campaign.cadence(self.settings.pace),
            secret_key=self.settings.secret,
            patient=True,
        )
        await ledger.store.patiently(lambda: calibrate(ledger, self.clock))
        self._providers = build_providers(self.settings, client, self.clock, campaign_name=campaign.name)
        self.world = World(
            clock=self.clock,
            ledger=ledger,
            settings=self.settings,
            campaign=campaign,
            mailer=self._providers.mailer,
            mirror=self._providers.mirror,
            mail_budget=self._providers.mail_budget,
            mirror_budget=self._providers.mirror_budget,
            calendar=self._providers.calendar,
            worker=self.broker.broker_id,
        )
        lookout = Lookout(client, self.settings.secret)
        self._watch = Watch(ledger, lookout)
        await self._watch.start(self.settings.metrics_host, self.settings.worker_metrics_port)
        beside = [heal(ledger, self.clock, self.broker.broker_id), lookout.keep_looking()]
        if url := self.settings.healthcheck_ping_url:
            beside.append(keep_pinging(ledger, url, worker=self.broker.broker_id))
        if self.world.calendar is not None:
            beside.append(keep_comparing(self.world))
        self._background.begin(beside)

    async def _ready_no_more(self) -> None:
        if self._watch is not None:
            self._watch.draining = True
        if self._first_start is not None:
            await self._first_start.stop()
        await self._background.end()

    def _on_loop(self, coroutine: Any) -> None:
        loop = get_event_loop_thread()
        assert loop is not None, "the AsyncIO middleware starts the loop with the worker"
        loop.run_coroutine(coroutine)


class Observe(dramatiq.Middleware):
    """Counts jobs, and says why one failed by our own mistake."""

    def after_process_message(
        self, broker: dramatiq.Broker, message: Any, *, result: Any = None, exception: BaseException | None = None
    ) -> None:
        # Retry: an actor asks to be repeated, and has said why.
        outcome = "done" if exception is None else "again" if isinstance(exception, Retry) else "failed"
        metrics.JOBS.labels(message.actor_name, outcome).inc()
        if outcome == "failed":
            log.error("job_failed", actor=message.actor_name, job=message.message_id, exc_info=exception)


def run(settings: Settings, store_url: str) -> int:
    """Work until SIGTERM or SIGINT; then drain, and answer 0."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    worker = Worker(settings, store_url, stopping=stopping)
    with traced("worker"):
        worker.start()
        # With a timeout: the kernel may hand a signal to any thread (it does to a process that just went on after
        # SIGSTOP), and Python's handler runs in this one, when it next wakes.
        while not stopping.wait(LOOK_S):
            pass
        worker.stop()
    return 0
