"""The sandbox as a process: it keeps what it accepted across kill -9, stops cleanly, and says why it cannot start."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from services.sandbox.disk import Disk
from services.sandbox.ids import API_KEY
from tests.acceptance.place import free_ports
from tests.acceptance.process import STOP_S

pytestmark = pytest.mark.acceptance

ROOT = Path(__file__).parent.parent.parent


@contextmanager
def process(directory: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    environment = {"DATA_DIR": str(directory), "SANDBOX_PORT": str(port), "PYTHONPATH": str(ROOT), "LOG_FORMAT": "json"}
    command = [sys.executable, "-m", "services.sandbox"]
    started = subprocess.Popen(command, cwd=directory, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        yield started
    finally:
        started.kill()
        started.communicate()


def test_sandbox_files_become_private_to_their_owner(tmp_path: Path) -> None:
    folder = tmp_path / "sandbox"
    folder.mkdir(mode=0o755)
    file = folder / "sandbox.db"
    file.touch(mode=0o644)
    file.chmod(0o644)

    disk = Disk(file)
    disk.save("a", "b")

    assert folder.stat().st_mode & 0o777 == 0o700
    assert {each.stat().st_mode & 0o777 for each in folder.iterdir()} == {0o600}
    assert len(list(folder.iterdir())) > 1, "SQLite's other files too"
    disk.close()


def wait_for(url: str) -> None:
    for _ in range(1_200):
        try:
            urllib.request.urlopen(url, timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"{url} does not answer")


def post(port: int, key: str) -> str:
    mail = {"from": "a@advent.example", "to": "ada@x.example", "subject": "S", "text": "T"}
    headers = {"authorization": f"Bearer {API_KEY}", "idempotency-key": key}
    answer = httpx.post(f"http://127.0.0.1:{port}/resend/emails", json=mail, headers=headers)
    assert answer.status_code == 200
    return str(answer.json()["id"])


def test_accepted_mail_and_its_idempotency_key_survive_kill_9(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    with process(tmp_path, port) as first:
        wait_for(f"http://127.0.0.1:{port}/health")
        mail_id = post(port, "k/1")
        first.send_signal(signal.SIGKILL)
        first.wait()
    with process(tmp_path, port):
        wait_for(f"http://127.0.0.1:{port}/health")

        assert post(port, "k/1") == mail_id
        assert len(httpx.get(f"http://127.0.0.1:{port}/inbox.json").json()) == 1


def test_sigterm_stops_the_sandbox_with_status_0_while_a_request_hangs(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    with process(tmp_path, port) as started:
        wait_for(f"http://127.0.0.1:{port}/health")
        httpx.post(f"http://127.0.0.1:{port}/faults", json={"kind": "timeout_before", "provider": "resend"})
        with pytest.raises(httpx.TimeoutException):
            httpx.get(
                f"http://127.0.0.1:{port}/resend/emails", headers={"authorization": f"Bearer {API_KEY}"}, timeout=0.2
            )
        started.send_signal(signal.SIGTERM)

        assert started.wait(STOP_S) == 0


def test_sandbox_port_in_use_stops_the_start_and_names_the_setting(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with process(tmp_path, taken.getsockname()[1]) as started:
            _, said = started.communicate(timeout=60)

    assert started.returncode == 1
    assert "SANDBOX_PORT" in said
