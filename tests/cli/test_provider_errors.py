"""A store that refuses the login is a wrong setting, not an outage: no process starts, and one line names the fix."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.place import free_ports

Advent = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize("command", ["gateway", "worker", "console", "up"])
def test_no_process_starts_with_a_wrong_store_password(
    advent: Advent, store_url: str, tmp_path: Path, command: str
) -> None:
    names = ("GATEWAY_PORT", "SANDBOX_PORT", "CONSOLE_PORT", "WORKER_METRICS_PORT")
    ports = dict(zip(names, free_ports(4), strict=True))
    url = store_url.replace("unix://", "unix://ada:hunter2@")

    status, _, errors = advent(command, REDIS_URL=url, SECRET_KEY="k" * 32, DATA_DIR=tmp_path / "data", **ports)

    (line,) = errors.splitlines()
    assert status == 1
    assert line.startswith("advent: REDIS_URL: the store refuses us (")
    assert line.endswith("); set user and password in REDIS_URL")
    assert "hunter2" not in line
