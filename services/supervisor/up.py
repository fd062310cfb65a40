"""`advent up`: data store, sandbox, gateway, worker and console, under one parent that keeps them running."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable

import setproctitle

from common.campaigns.campaigns import preload_campaigns
from common.campaigns.loader import Campaign
from common.clock import SystemClock
from common.migration.run import migrate_embedded
from common.observability.logs import setup_logs
from common.settings.generated_secrets import with_generated_secrets
from common.settings.settings import Settings, SettingsError
from common.store.embedded import EmbeddedStore
from common.store.identity import refuse_unusable_store
from services.console.auth.access import check_access_settings
from services.supervisor import terminal
from services.supervisor.child import Child, ProcessSpec
from services.supervisor.children import STOP_ORDER, preload, process_specs
from services.supervisor.inherited_settings import shared_settings
from services.supervisor.ports import answers, port_problem
from services.supervisor.run_dir import TITLE, RunDirectory, RunInfo
from services.supervisor.sandbox_settings import with_sandbox
from services.supervisor.signals import Signals
from services.supervisor.store_watchdog import StoreWatchdog

_FAILED_STARTS_MAX = 5
"""If a child has ended this often without ever being ready, everything stops."""

_DRAIN_S = 27.0
"""How long all children together may take to stop; service managers usually grant 30 s."""


def up(settings: Settings, *, say: Callable[[str], None] = terminal.say) -> int:
    """
    Run everything until Ctrl-C or SIGTERM. Return the exit status.

    1. Check what can be checked before anything starts: campaign, secrets, folder, ports.
    2. Start the embedded store, unless REDIS_URL names another store. Migrate it if an older version wrote it.
    3. Fork the children from one preloaded parent, and wait until each answers.
    4. Print where everything is. Start children again that end.
    5. Stop in order: the gateway first, the store last.

    Raises SettingsError, CampaignError or StoreError, with a line for each problem, before anything has started.
    """
    settings = with_sandbox(with_generated_secrets(settings))
    check_access_settings(settings)
    campaign = preload_campaigns(settings.campaign_keys, directory=settings.campaigns_dir).default
    with Signals() as signals:
        run_dir = RunDirectory(settings.data_dir)
        try:
            setproctitle.setproctitle(f"{TITLE}up")
            run_dir.write_pid("up", os.getpid())
            run_dir.end_leftovers(say)
            _check_ports(settings)
            return _with_store(settings, campaign, run_dir, signals, say)
        finally:
            run_dir.release()


def _with_store(
    settings: Settings, campaign: Campaign, run_dir: RunDirectory, signals: Signals, say: Callable[[str], None]
) -> int:
    if settings.redis_url is not None:
        refuse_unusable_store(settings)
        return _Up(settings, campaign, run_dir, None, signals, say).run()
    store = EmbeddedStore(settings.data_dir / "store", report=say)
    try:
        started = store.start(cancelled=lambda: signals.stop)
        if started:
            _migrate(store, settings, say)
            refuse_unusable_store(settings.model_copy(update={"redis_url": store.url}))
        return _Up(settings, campaign, run_dir, store, signals, say).run() if started else 0
    finally:
        store.stop()
        run_dir.forget_pid("store")


def _migrate(store: EmbeddedStore, settings: Settings, say: Callable[[str], None]) -> None:
    """Migrate a store that an older version wrote, before any process uses it."""
    migration = asyncio.run(
        migrate_embedded(store, settings.data_dir, secret_key=settings.secret, clock=SystemClock(), report=say)
    )
    if migration is not None:
        say(migration.describe())


def _check_ports(settings: Settings) -> None:
    wanted = [
        ("GATEWAY", settings.gateway_host, settings.gateway_port),
        ("SANDBOX", settings.sandbox_host, settings.sandbox_port),
        ("WORKER_METRICS", settings.metrics_host, settings.worker_metrics_port),
        ("CONSOLE", settings.console_host, settings.console_port),
    ]
    if not settings.sandboxed:
        del wanted[1]
    problems = [problem for setting in wanted if (problem := port_problem(*setting))]
    if problems:
        raise SettingsError([problem.replace("WORKER_METRICS_HOST", "METRICS_HOST") for problem in problems])


class _Up:
    """The running children, from the first start to the last stop."""

    def __init__(
        self,
        settings: Settings,
        campaign: Campaign,
        run_dir: RunDirectory,
        store: EmbeddedStore | None,
        signals: Signals,
        say: Callable[[str], None],
    ) -> None:
        self.original_settings = settings
        self.settings = settings.model_copy(update={"redis_url": store.url}) if store else settings
        self.campaign, self.run_dir, self.store, self.signals, self.say = campaign, run_dir, store, signals, say
        self.watchdog = StoreWatchdog(store, run_dir, say=say) if store else None
        self.children = [self._child(spec) for spec in process_specs(self.settings, say=say)]
        self.status = 0

    def run(self) -> int:
        setup_logs("up", self.settings)
        preload([child.spec.name for child in self.children], self.settings)
        for child in self.children:
            child.start()
        try:
            if self._wait_until_ready():
                self._announce()
                while not self.signals.stop and self.status == 0:
                    self.signals.wait(self._seconds_to_next_start())
                    self._check_children()
        finally:
            self._stop()
        return self.status

    def _child(self, spec: ProcessSpec) -> Child:
        return Child(spec, self.settings, self.run_dir, in_child=self._release_in_child)

    def _release_in_child(self) -> None:
        self.signals.reset()
        self.run_dir.lock.close()
        if self.store is not None:
            self.store.forget()

    def _wait_until_ready(self) -> bool:
        """Wait for each child's first answer, and print which are missing. Return False if everything must stop."""
        began = said = time.monotonic()
        while waiting := [child for child in self.children if not self._is_ready(child)]:
            self.signals.wait(0.03)
            self._check_children()
            if self.signals.stop or self.status:
                return False
            now = time.monotonic()
            if now - said >= 3:
                self.say(f"waiting for {' and '.join(child.spec.name for child in waiting)} … {now - began:.0f} s")
                said = now
        return True

    def _is_ready(self, child: Child) -> bool:
        if not child.was_ready and child.pid is not None:
            child.was_ready = child.spec.ready_url is None or answers(child.spec.ready_url)
        return child.was_ready

    def _announce(self) -> None:
        worker_url = next((child.spec.url for child in self.children if child.spec.name == "worker"), None)
        self.run_dir.announce(
            RunInfo(
                pid=os.getpid(),
                gateway_url=self.settings.gateway_url,
                sandbox_url=self.settings.sandbox_url if self.settings.sandboxed else None,
                console_url=self.settings.console_url,
                worker_url=worker_url,
                store_url=self.store.url if self.store else None,
                real=[name for name in ("resend", "notion") if getattr(self.settings, f"{name}_is_real")],
                settings=shared_settings(self.settings),
            )
        )
        self.say(terminal.welcome(self.original_settings, self.campaign, worker_url=worker_url))

    def _check_children(self) -> None:
        """Collect the children that have ended, and start those whose time has come."""
        if self.watchdog is not None and not self.signals.stop:
            self.watchdog.check()
        for child in self.children:
            ending = child.collect()
            if ending is not None and not self.signals.stop:
                self._report(child, ending)
            if child.start_at is not None and time.monotonic() >= child.start_at and not self.signals.stop:
                child.start()

    def _report(self, child: Child, ending: str) -> None:
        if not child.was_ready and child.failures >= _FAILED_STARTS_MAX:
            times = f"{_FAILED_STARTS_MAX} times before it was ready"
            self.say(f"the {child.spec.name} {ending} {times}; see its last lines above")
            self.status = 1
            return
        wait_s = (child.start_at or 0) - time.monotonic()
        self.say(f"the {child.spec.name} {ending}; starting it again" + (f" in {wait_s:.0f} s" if wait_s >= 1 else ""))

    def _seconds_to_next_start(self) -> float:
        """Return the time until the store or a child must be started; a signal ends the wait early."""
        due = [child.start_at for child in self.children] + [self.watchdog.start_at if self.watchdog else None]
        starts = [start for start in due if start is not None]
        return min([start - time.monotonic() for start in starts], default=3600.0)

    def _stop(self) -> None:
        self.say("stopping: no more webhooks are accepted; work in flight is finished first")
        deadline = time.monotonic() + _DRAIN_S
        for name in STOP_ORDER:
            for child in self.children:
                if child.spec.name == name:
                    self._end(child, deadline)
        self.say("stopped; nothing is lost")

    def _end(self, child: Child, deadline: float) -> None:
        """Send SIGTERM, and SIGKILL at the deadline or after a second Ctrl-C. Nothing accepted is lost either way."""
        began = said = time.monotonic()
        child.send_signal(signal.SIGTERM)
        while child.pid is not None:
            self.signals.wait(0.1)
            child.collect()
            now = time.monotonic()
            if now > deadline or self.signals.stop_now:
                child.send_signal(signal.SIGKILL)
            elif now - said >= 2:
                self.say(f"the {child.spec.name} is finishing work … {now - began:.0f} s (Ctrl-C again to stop now)")
                said = now
