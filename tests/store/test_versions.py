"""Runs the tests of ledger and queue on each server of this machine; `docs/durability.md` lists the versions."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from common.store.clients import connect
from common.store.durability import store_warnings
from tests.store import servers
from tests.tidy.repository import ROOT

INSTALLED = servers.installed()

# The explorer is left out: its result depends on its model and not on the server.
SUITES = ["tests/ledger", "tests/broker", "--deselect", "tests/ledger/test_all_interleavings.py"]

each_version = pytest.mark.parametrize("version", servers.VERSIONS)


def binary(version: str) -> str:
    if version not in INSTALLED:
        pytest.skip(f"{version} is not on this machine: `make .venv/.stores`, or install it")
    return str(INSTALLED[version])


@each_version
@pytest.mark.acceptance
@pytest.mark.timeout(900)
def test_ledger_and_queue_work_on_each_store_version(version: str) -> None:
    environ = {**os.environ, servers.ENVIRONMENT: binary(version)}
    environ = {name: value for name, value in environ.items() if not name.startswith("PYTEST_")}

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-m", "not acceptance", *SUITES],
        cwd=ROOT, env=environ, capture_output=True, text=True,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout[-3_000:]


@each_version
def test_only_redis_6_causes_a_version_warning(version: str) -> None:
    with servers.running(INSTALLED[version] if binary(version) else None) as url, connect(url) as client:
        warnings = store_warnings(client)

    warned = ["store: version 6.2.14 is not tried; use Redis 7 or newer, or Valkey"] if version == "Redis 6.2" else []
    assert warnings == warned


def test_missing_store_version_is_skipped_with_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.store.test_versions.INSTALLED", {})

    with pytest.raises(pytest.skip.Exception, match=r"Redis 8 is not on this machine: `make .venv/.stores`"):
        binary("Redis 8")
