"""A worker's background tasks end with the worker."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
import redis
from structlog.testing import CapturingLogger

from actors import worker as worker_module
from actors.worker import Worker, wait_through_outages
from common import background
from common.background import BackgroundTasks, repeat
from common.campaigns.errors import CampaignError
from common.ledger.store import Store
from common.versions import played
from common.versions.played import PlayedVersions, VersionUndecided


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> CapturingLogger:
    captured = CapturingLogger()
    monkeypatch.setattr(background, "log", captured)
    return captured


async def test_background_task_that_swallows_its_first_cancellation_is_ended() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def stubborn() -> None:
        try:
            begun.set()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            begun.clear()  # Code that is opening a connection may do the same.
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    tasks = BackgroundTasks()
    tasks.start([stubborn()])
    await begun.wait()

    await tasks.stop()

    assert ended.is_set()


async def test_failed_background_task_does_not_block_stopping() -> None:
    async def fails() -> None:
        raise ValueError("of no consequence")

    tasks = BackgroundTasks()
    tasks.start([fails()])
    await asyncio.sleep(0)

    await tasks.stop()


async def test_background_task_ended_by_a_bug_is_logged_with_its_name(log: CapturingLogger) -> None:
    async def fails() -> None:
        raise ValueError("a bug")

    tasks = BackgroundTasks()
    tasks.start([fails()])
    await asyncio.sleep(0.01)

    [line] = log.calls
    assert (line.method_name, line.args) == ("error", ("background_task_failed",))
    assert line.kwargs["task"].endswith("fails")
    assert str(line.kwargs["exc_info"]) == "a bug"


class Ended(Exception):
    """Ends the loop of the test."""


async def test_repeated_background_task_continues_after_every_error(log: CapturingLogger) -> None:
    outcomes: list[Exception | None] = [redis.ConnectionError("away"), ValueError("a bug"), None, Ended()]
    waited: list[float] = []

    async def call() -> None:
        if (outcome := outcomes.pop(0)) is not None:
            raise outcome

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    with pytest.raises(Ended):
        await repeat("sweep", call, every_s=15, ends_with=(Ended,), sleep=sleep)

    assert waited == [15, 15, 15]
    assert [(line.method_name, line.args, line.kwargs["task"]) for line in log.calls] == [
        ("warning", ("background_task_deferred",), "sweep"),
        ("exception", ("background_task_failed",), "sweep"),
    ]


async def test_error_while_reading_versions_does_not_leave_a_process_on_an_old_version(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    outcomes = [redis.TimeoutError(), OSError("reset"), KeyError("a bug"), VersionUndecided(), CampaignError("unread")]

    async def refresh(_versions: PlayedVersions) -> None:
        raise outcomes.pop(0)

    monkeypatch.setattr(PlayedVersions, "refresh", refresh)
    monkeypatch.setattr(played, "POLL_S", 0)
    versions = PlayedVersions.__new__(PlayedVersions)

    with pytest.raises(CampaignError, match="unread"):
        await versions.run()
    assert outcomes == []


async def test_starting_worker_waits_through_a_store_outage() -> None:
    outcomes: list[Exception | None] = [redis.ConnectionError("away"), redis.BusyLoadingError("loading"), None, None]
    carried_out: list[str] = []

    def call(name: str) -> Callable[[], Awaitable[None]]:
        async def check() -> None:
            if (outcome := outcomes.pop(0)) is not None:
                raise outcome
            carried_out.append(name)

        return check

    store = Store(redis.asyncio.Redis(), secret_key="k" * 32, is_patient=True)
    await wait_through_outages(store, [call("generation"), call("bootstrap")])

    assert carried_out == ["generation", "bootstrap"]


class Part:
    """A part of a worker; `error` is what its `stop` raises, if anything."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error, self.stopped = error, False

    async def stop(self) -> None:
        await asyncio.sleep(0)
        self.stopped = True
        if self.error is not None:
            raise self.error


@pytest.mark.parametrize(
    ("background_ends", "bootstrap_ends", "logged"),
    [
        (None, None, []),
        (ValueError("a bug"), None, ["error"]),
        (None, ValueError("a bug"), ["error"]),
        (None, redis.ConnectionError("away"), ["warning"]),
    ],
)
async def test_worker_that_cannot_stop_its_background_tasks_logs_it_and_ends(
    monkeypatch: pytest.MonkeyPatch,
    background_ends: Exception | None,
    bootstrap_ends: Exception | None,
    logged: list[str],
) -> None:
    log, generation, ended = CapturingLogger(), Part(), list[str]()
    monkeypatch.setattr(worker_module, "log", log)
    monkeypatch.setattr(worker_module, "get_event_loop_thread", lambda: SimpleNamespace(loop=loop))
    loop = asyncio.get_running_loop()
    worker: Any = Worker.__new__(Worker)
    worker.broker = SimpleNamespace(broker_id="w1", close=lambda: ended.append("broker"))
    worker._dramatiq = SimpleNamespace(stop=lambda timeout: ended.append("dramatiq"))
    worker._http, worker._background = None, Part(background_ends)
    worker._bootstrap, worker._generation = Part(bootstrap_ends), generation

    await asyncio.to_thread(worker.stop)

    assert [line.method_name for line in log.calls if line.args == ("background_stop_failed",)] == logged
    assert (ended, generation.stopped) == (["dramatiq", "broker"], background_ends is None)
