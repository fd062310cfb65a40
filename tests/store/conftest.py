"""A separate store that tests may weaken, and settings for it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from common.domain.cadence import Cadence
from common.store.clients import connect
from common.store.embedded import EmbeddedStore
from tests.acceptance.conftest import place, places, pytest_runtest_makereport  # noqa: F401 -- fixtures
from tests.cli.conftest import advent  # noqa: F401 -- a fixture
from tests.gateway.conftest import folder, open_gateway, own_store  # noqa: F401 -- fixtures

Configure = Callable[..., None]

_HOUR_MS = 3_600_000
CADENCE = Cadence(tuple(hours * _HOUR_MS for hours in (0, 24, 72, 120, 168, 216, 264)), 12 * _HOUR_MS)

_MEMORY = Path("/dev/shm")


@pytest.fixture
def weak_store() -> Iterator[EmbeddedStore]:
    """An empty store that the test may weaken."""
    with tempfile.TemporaryDirectory(prefix="advent-", dir=_MEMORY if _MEMORY.is_dir() else None) as name:
        server = EmbeddedStore(Path(name))
        server.start()
        yield server
        server.stop()


@pytest.fixture
def configure(weak_store: EmbeddedStore) -> Configure:
    """`configure(appendonly="no")` runs CONFIG SET in the store `weak_store`; `replicaof="no one"` promotes it."""

    def configure(*, replicaof: str = "", **settings: Any) -> None:
        with connect(weak_store.url) as client:
            for name, value in settings.items():
                client.config_set(name.replace("_", "-"), value)
            if replicaof:
                client.execute_command("REPLICAOF", *replicaof.split())

    return configure
