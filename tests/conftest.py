"""Fixtures for all tests: one real store per test process, emptied before each test; and the campaign, loaded once."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis.asyncio
import structlog
from hypothesis import HealthCheck, settings

from common.campaigns import campaigns, loader
from common.campaigns.loader import Campaign
from common.clock import VirtualClock
from common.store.clients import connect, connect_async
from common.store.embedded import EmbeddedStore
from tests.packaged import packaged_campaign
from tests.store import servers

# Every write is synced, as in production. If this folder exists, the store's files are in memory and syncs are free.
_MEMORY = Path("/dev/shm")

# The same examples in each run, and no limit of time: neither chance nor a loaded machine decides whether a test fails.
# Hypothesis warns of fixtures that live through all examples of a test; tests that need a new state make it themselves.
settings.register_profile(
    "tests",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("tests")

structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


_configure = structlog.configure


def _configure_without_cache(**given: Any) -> None:
    _configure(**given | {"cache_logger_on_first_use": False})


@pytest.fixture(autouse=True)
def _logs_of_this_test(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Undo what `setup_logs` does in a command that a test calls; else loggers write to that test's stderr for ever."""
    monkeypatch.setattr(structlog, "configure", _configure_without_cache)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    before, root = structlog.get_config(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    _configure(**before)
    if root.handlers != handlers:
        root.handlers = handlers
        root.setLevel(level)
        logging.captureWarnings(capture=False)


PROCESSES_TIMEOUT_S = 180
"""Timeout of tests that start processes, which is slow on a loaded machine. pyproject.toml has that of other tests."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("timeout") is None and {"acceptance", "browser"} & {*item.keywords}:
            item.add_marker(pytest.mark.timeout(PROCESSES_TIMEOUT_S))


class OtherServer:
    """A server that is not embedded, with the members of `EmbeddedStore` that the tests use."""

    def __init__(self, url: str) -> None:
        self.url = url


@pytest.fixture(scope="session")
def store_server() -> Iterator[EmbeddedStore | OtherServer]:
    if binary := os.environ.get(servers.ENVIRONMENT):
        with servers.running(Path(binary)) as url:
            yield OtherServer(url)
        return
    # The path must be short: a Unix socket's path has at most 107 characters, and pytest's own folders are deep.
    with tempfile.TemporaryDirectory(prefix="advent-", dir=_MEMORY if _MEMORY.is_dir() else None) as directory:
        server = EmbeddedStore(Path(directory))
        server.start()
        yield server
        server.stop()


@pytest.fixture
def store_url(store_server: EmbeddedStore | OtherServer) -> str:
    """Empty the store and return its address."""
    with connect(store_server.url) as client:
        client.flushall()
    return store_server.url


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[redis.asyncio.Redis]:
    client = connect_async(store_url)
    yield client
    await client.aclose()


@pytest.fixture(scope="session")
def campaign() -> Campaign:
    """Return the packaged campaign, for tests that only read it."""
    return packaged_campaign("christmas_2025")


@pytest.fixture
def loads_campaign_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Load the packaged campaigns only once, for commands that only read them."""
    load = loader.load_campaign

    def load_once(key: str, *, directory: Path | None = None) -> Campaign:
        return packaged_campaign(key) if directory is None else load(key, directory=directory)

    for module in (loader, campaigns):
        monkeypatch.setattr(module, "load_campaign", load_once)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()
