"""A folder, free ports and settings in which one test runs, next to any number of others."""

from __future__ import annotations

import itertools
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from common.processes import command_of
from common.store.embedded import EmbeddedStore
from tests.acceptance.http import status_of
from tests.acceptance.process import Process
from tests.acceptance.sandbox import Sandbox
from tests.acceptance.website import Website

SECRETS = {
    "SECRET_KEY": "a key that no real store has ever known",
    "WEBHOOK_SECRET": "whsec_YSBzZWNyZXQgdGhhdCBubyB3ZWJzaXRlIHVzZXM=",
    "CALCOM_WEBHOOK_SECRET": "a calendar that does not exist",
    "RESEND_WEBHOOK_SECRET": "whsec_YSBzZWNyZXQgdGhhdCBubyBwcm92aWRlciB1c2Vz",
}

FAST = {"TESTING_MODE": "true", "CAMPAIGN_SPEED": "60"}
"""The seven mails are due at 0 … 6 s."""

UNLIMITED = {"RESEND_REQUESTS_PER_SECOND": "10000", "NOTION_REQUESTS_PER_MINUTE": "1000000"}
"""With `Sandbox.lift_rate_limits`, no rate limit slows down mail to many contacts."""

# The store syncs every write, as in production; in a folder in memory, where one exists, syncing costs nothing.
_MEMORY = Path("/dev/shm")


class Place:
    """Starts processes, and ends those that it started by their process ids."""

    def __init__(self, **settings: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="advent-", dir=_MEMORY if _MEMORY.is_dir() else None))
        gateway, sandbox, worker, console = free_ports(4)
        self.settings = {
            "GATEWAY_PORT": str(gateway),
            "SANDBOX_PORT": str(sandbox),
            "WORKER_METRICS_PORT": str(worker),
            "CONSOLE_PORT": str(console),
            **settings,
        }
        self.gateway_url = f"http://127.0.0.1:{gateway}"
        self.worker_url = f"http://127.0.0.1:{worker}"
        self.console_url = f"http://127.0.0.1:{console}"
        self.sandbox = Sandbox(f"http://127.0.0.1:{sandbox}")
        self.website = Website(self.gateway_url, SECRETS["WEBHOOK_SECRET"])
        self.store: EmbeddedStore | None = None
        self.processes: list[Process] = []

    @property
    def data_dir(self) -> Path:
        return self.folder / "data"

    def start(self, *arguments: str, **settings: str) -> Process:
        """Start `advent …` without waiting for anything."""
        number = len(self.processes)
        process = Process(arguments, folder=self.folder, settings={**self.settings, **settings}, number=number)
        self.processes.append(process)
        return process

    def up(self, **settings: str) -> Process:
        """Start `advent up` and wait until it says that all is up."""
        process = self.start("up", **settings)
        self.until(lambda: "Ctrl-C stops everything" in process.stdout, process)
        return process

    def own_store(self) -> EmbeddedStore:
        """Create, without starting it, a store for processes that are started later; its URL is in their REDIS_URL."""
        self.store = EmbeddedStore(self.folder / "store")
        self.settings["REDIS_URL"] = self.store.url
        return self.store

    def serve(self, name: str, **settings: str) -> Process:
        """Start `advent gateway`, `worker`, `console` or `sandbox` alone and wait until it answers."""
        url = {
            "gateway": f"{self.gateway_url}/health",
            "worker": f"{self.worker_url}/ready",
            "console": f"{self.console_url}/health",
        }
        process = self.start(name, **settings)
        self.until(lambda: status_of(url.get(name, f"{self.sandbox.url}/health")) == 200, process)
        return process

    def serve_all(self, **settings: str) -> tuple[Process, Process, Process]:
        """Start a store, and over it a sandbox, a gateway and a worker as separate processes. Return those three."""
        self.own_store().start()
        return self.serve("sandbox", **settings), self.serve("gateway", **settings), self.serve("worker", **settings)

    def until(self, is_so: Any, process: Process, *, within_s: float = 60) -> None:
        """Wait until `is_so()` is true. Fails if the process ends before, or after `within_s`."""
        deadline = time.monotonic() + within_s
        while not is_so():
            assert process.is_running, f"{process.name} ended:\n{process.stdout}\n{process.stderr}"
            assert time.monotonic() < deadline, f"{process.name} is not ready:\n{process.stdout}\n{process.stderr}"
            time.sleep(0.02)

    def run(self, *arguments: str, **settings: str) -> Process:
        """Run one command and wait for its end."""
        process = self.start(*arguments, **settings)
        process.wait()
        return process

    def ask(self, *arguments: str) -> Any:
        """Return the parsed output of a command that takes `--json`."""
        process = self.run(*arguments, "--json")
        assert process.wait() == 0, process.stderr
        return json.loads(process.stdout)

    def accepted(self, delivery: str) -> list[dict[str, Any]]:
        """Return the workers' log lines which say that a delivery of this name (`step-1`) was accepted."""
        return [
            line
            for process in self.processes
            if process.name.partition("-")[2] in ("up", "worker")
            for line in process.logs()
            if line["event"] == "delivery_accepted" and line["delivery_id"].endswith(f"/{delivery}")
        ]

    def child(self, name: str) -> int | None:
        """Return the process id of a child of the `advent up` that runs here, or None if there is none."""
        try:
            return int((self.data_dir / "run" / f"{name}.pid").read_text())
        except (OSError, ValueError):
            return None

    def close(self) -> None:
        children = [pid for name in ("gateway", "worker", "console", "sandbox", "store") if (pid := self.child(name))]
        for process in self.processes:
            if process.is_running:
                process.kill()
        for pid in children:
            # Some kernels do not tell children that their parent was killed.
            if str(self.folder) in command_of(pid) or command_of(pid).startswith("advent: "):
                os.kill(pid, signal.SIGKILL)
        if self.store is not None:
            self.store.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def _ports_of_this_worker() -> Iterator[int]:
    """
    Return the ports of this pytest worker in random order, again and again.

    They are below the range for outgoing connections, so that none of those takes one of them meanwhile.
    """
    first = 11_000 + 1_300 * (int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % 16)  # browsers refuse 10080
    return itertools.cycle(random.SystemRandom().sample(range(first, first + 1_300), 1_300))


_PORTS = _ports_of_this_worker()


def free_ports(count: int) -> list[int]:
    """Return free ports, which neither another pytest worker nor a later call gets while the test needs them."""
    return list(itertools.islice(filter(_is_free, _PORTS), count))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def gone(pid: int) -> bool:
    """Return whether no process has this id any longer, or only a zombie has it."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return not state.strip() or state.startswith("Z")
