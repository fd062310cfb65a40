"""`advent up`: data store, sandbox, gateway, worker and console, under one parent that keeps them running."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable

import setproctitle

from common.campaigns.loader import Campaign, load_campaign
from common.clock import SystemClock
from common.migration.run import migrate_embedded
from common.observability.logs import setup_logs
from common.settings.generated_secrets import with_made_secrets
from common.settings.settings import Settings, SettingsError
from common.store.embedded import EmbeddedStore
from common.store.identity import refuse_another
from services.console.door import check_door
from services.supervisor import screen
from services.supervisor.beside import shared
from services.supervisor.child import ActorSpec, Child
from services.supervisor.children import STOP_ORDER, preload, roles
from services.supervisor.house import TITLE, House, Running
from services.supervisor.ports import answers, problem_with
from services.supervisor.revival import Revival
from services.supervisor.sandboxed import with_sandbox
from services.supervisor.signals import Signals

_PATIENCE = 5
"""A child that ended so often without ever having worked will not work: then nothing stays up."""

_DRAIN_S = 27.0
"""For all children together, within the 30 s that supervisors of supervisors grant."""


def up(settings: Settings, *, say: Callable[[str], None] = screen.say) -> int:
    """
    Run everything until Ctrl-C or SIGTERM; the answer is the exit status.

    1. Check what can be checked before anything starts: campaign, secrets, folder, ports.
    2. Start the embedded store, unless REDIS_URL names another; bring it up to date if an older version wrote it.
    3. Fork the children from one preloaded parent, and wait until each answers.
    4. Say where everything is; start again whoever ends.
    5. Stop in order: the door first, the store last.

    Raises SettingsError, CampaignError or StoreError, one line a problem, before anything was started.
    """
    settings = with_sandbox(with_made_secrets(settings))
    check_door(settings)
    campaign = load_campaign(settings.campaign, directory=settings.campaigns_dir)
    with Signals() as signals:
        house = House(settings.data_dir)
        try:
            house.write_pid("up", _become_up())
            house.end_leftovers(say)
            _check_ports(settings)
            return _with_store(settings, campaign, house, signals, say)
        finally:
            house.leave()


def _with_store(
    settings: Settings, campaign: Campaign, house: House, signals: Signals, say: Callable[[str], None]
) -> int:
    if settings.redis_url is not None:
        refuse_another(settings)
        return _Up(settings, campaign, house, None, signals, say).run()
    store = EmbeddedStore(settings.data_dir / "store", say=say)
    try:
        started = store.start(cancelled=lambda: signals.stop)
        if started:
            _migrate(store, settings, say)
            refuse_another(settings.model_copy(update={"redis_url": store.url}))
        return _Up(settings, campaign, house, store, signals, say).run() if started else 0
    finally:
        store.stop()
        house.forget_pid("store")


def _migrate(store: EmbeddedStore, settings: Settings, say: Callable[[str], None]) -> None:
    """A store that an older version wrote is brought up to date before any process uses it."""
    migration = asyncio.run(
        migrate_embedded(store, settings.data_dir, secret_key=settings.secret, clock=SystemClock(), report=say)
    )
    if migration is not None:
        say(migration.describe())


def _become_up() -> int:
    setproctitle.setproctitle(f"{TITLE}up")
    return os.getpid()


def _check_ports(settings: Settings) -> None:
    wanted = [
        ("GATEWAY", settings.gateway_host, settings.gateway_port),
        ("SANDBOX", settings.sandbox_host, settings.sandbox_port),
        ("WORKER_METRICS", settings.metrics_host, settings.worker_metrics_port),
        ("CONSOLE", settings.console_host, settings.console_port),
    ]
    if not settings.sandboxed:
        del wanted[1]
    problems = [problem for setting in wanted if (problem := problem_with(*setting))]
    if problems:
        raise SettingsError([problem.replace("WORKER_METRICS_HOST", "METRICS_HOST") for problem in problems])


class _Up:
    """What runs, from the first child to the last."""

    def __init__(
        self,
        settings: Settings,
        campaign: Campaign,
        house: House,
        store: EmbeddedStore | None,
        signals: Signals,
        say: Callable[[str], None],
    ) -> None:
        self.given = settings
        self.settings = settings.model_copy(update={"redis_url": store.url}) if store else settings
        self.campaign, self.house, self.store, self.signals, self.say = campaign, house, store, signals, say
        self.revival = Revival(store, house, say=say) if store else None
        self.children = [self._child(role) for role in roles(self.settings, say=say)]
        self.status = 0

    def run(self) -> int:
        setup_logs("up", self.settings)
        preload([child.role.name for child in self.children])
        for child in self.children:
            child.start()
        try:
            if self._until_ready():
                self._announce()
                while not self.signals.stop and self.status == 0:
                    self.signals.wait(self._pause())
                    self._tend()
        finally:
            self._stop()
        return self.status

    def _child(self, role: ActorSpec) -> Child:
        return Child(role, self.settings, self.house, in_child=self._let_go)

    def _let_go(self) -> None:
        self.signals.reset()
        self.house.lock.forget()
        if self.store is not None:
            self.store.forget()

    def _until_ready(self) -> bool:
        """Wait for each child's first answer, saying what is waited for; False when we are to stop instead."""
        began = said = time.monotonic()
        while waiting := [child for child in self.children if not self._is_ready(child)]:
            self.signals.wait(0.03)
            self._tend()
            if self.signals.stop or self.status:
                return False
            now = time.monotonic()
            if now - said >= 3:
                self.say(f"waiting for {' and '.join(child.role.name for child in waiting)} … {now - began:.0f} s")
                said = now
        return True

    def _is_ready(self, child: Child) -> bool:
        if not child.was_ready and child.pid is not None:
            child.was_ready = child.role.ready_url is None or answers(child.role.ready_url)
        return child.was_ready

    def _announce(self) -> None:
        worker_url = next((child.role.url for child in self.children if child.role.name == "worker"), None)
        self.house.announce(
            Running(
                pid=os.getpid(),
                gateway_url=self.settings.gateway_url,
                sandbox_url=self.settings.sandbox_url if self.settings.sandboxed else None,
                console_url=self.settings.console_url,
                worker_url=worker_url,
                store_url=self.store.url if self.store else None,
                real=[name for name in ("resend", "notion") if getattr(self.settings, f"{name}_is_real")],
                settings=shared(self.settings),
            )
        )
        self.say(screen.welcome(self.given, self.campaign, worker_url=worker_url))

    def _tend(self) -> None:
        """Collect who ended, start again whose time has come."""
        if self.revival is not None and not self.signals.stop:
            self.revival.tend()
        for child in self.children:
            ending = child.collect()
            if ending is not None and not self.signals.stop:
                self._tell(child, ending)
            if child.start_at is not None and time.monotonic() >= child.start_at and not self.signals.stop:
                child.start()

    def _tell(self, child: Child, ending: str) -> None:
        if not child.was_ready and child.failures >= _PATIENCE:
            self.say(f"the {child.role.name} {ending} {_PATIENCE} times and never worked; see its last lines above")
            self.status = 1
            return
        wait_s = (child.start_at or 0) - time.monotonic()
        self.say(f"the {child.role.name} {ending}; starting it again" + (f" in {wait_s:.0f} s" if wait_s >= 1 else ""))

    def _pause(self) -> float:
        """Until the store or a child is to be started; a signal ends it early."""
        due = [child.start_at for child in self.children] + [self.revival.start_at if self.revival else None]
        starts = [start for start in due if start is not None]
        return min([start - time.monotonic() for start in starts], default=3600.0)

    def _stop(self) -> None:
        self.say("stopping: no new webhooks, what is under way is finished")
        deadline = time.monotonic() + _DRAIN_S
        for name in STOP_ORDER:
            for child in self.children:
                if child.role.name == name:
                    self._end(child, deadline)
        self.say("stopped; nothing is lost")

    def _end(self, child: Child, deadline: float) -> None:
        """SIGTERM and patience; SIGKILL when time is up or somebody asks twice. Either way nothing accepted is lost."""
        began = said = time.monotonic()
        child.end()
        while child.pid is not None:
            self.signals.wait(0.1)
            child.collect()
            now = time.monotonic()
            if now > deadline or self.signals.hurry:
                child.end(signal.SIGKILL)
            elif now - said >= 2:
                self.say(f"the {child.role.name} finishes what it began … {now - began:.0f} s (Ctrl-C again: at once)")
                said = now
