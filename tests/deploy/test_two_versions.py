"""
A roll-out under load: gateways and workers of two versions run side by side over one store, replaced one at a time.

It follows a cluster: gateways are replaced one after the other, and workers too at the same time. The new process is
ready before the old one gets its signal to stop, and by then the old one receives no more requests. The older version
is the last release if this checkout has one with the same store format; otherwise this version with other scripts.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from common.store.format import FORMAT
from tests.acceptance.conftest import places  # noqa: F401  # the fixture
from tests.acceptance.http import Answer, status_of
from tests.acceptance.place import UNLIMITED, Place, free_ports
from tests.acceptance.process import Process
from tests.acceptance.waiting import eventually
from tests.acceptance.website import Website, person
from tests.tidy.repository import ROOT

pytestmark = pytest.mark.acceptance

PACKAGES = ("services", "actors", "common")

Leave = Callable[[], None]
"""Stops a process after it receives no more requests; the process must end with status 0."""
Start = Callable[[Path], Leave]
"""Starts a process with the code of that folder and waits until it is ready."""


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """Return a folder with the code of another version."""
    folder = tmp_path / "older"
    folder.mkdir()
    tag = _git("describe", "--tags", "--abbrev=0", "--match", "v[0-9]*")
    if tag and _store_format(tag) == FORMAT:
        archive = subprocess.run(["git", "-C", str(ROOT), "archive", tag, *PACKAGES], capture_output=True, check=True)
        subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True)
    else:
        for package in PACKAGES:
            shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
        for script in folder.rglob("*.lua"):
            # The store identifies a script by its digest, so the two versions share no script.
            script.write_text(script.read_text() + "\n-- of another version\n")
    return folder


def _store_format(tag: str) -> int | None:
    """Return the store format of that release, or None if its code defines it elsewhere."""
    found = re.search(r"^FORMAT(?:: Final)? = (\d+)$", _git("show", f"{tag}:common/store/format.py"), re.MULTILINE)
    return int(found[1]) if found else None


def _git(*arguments: str) -> str:
    found = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False)
    return found.stdout.strip()


class RollOut:
    """Two gateways behind one load balancer, two workers, and a website that signs contacts up continuously."""

    def __init__(self, place: Place, secret: str) -> None:
        self.place = place
        self.answers: list[Answer] = []
        self._secret = secret
        self._gateways: list[Website] = []
        self._stop = threading.Event()
        self._starting = threading.Lock()
        self._posting = threading.Lock()
        self._visitors = threading.Thread(target=self._sign_up)

    def gateway(self, code: Path) -> Leave:
        """Start a gateway with that code and send signups to it."""
        (port,) = free_ports(1)
        url = f"http://127.0.0.1:{port}"
        disk = self.place.folder / f"disk-{port}"
        process = self._start("gateway", code, f"{url}/ready", GATEWAY_PORT=str(port), DATA_DIR=str(disk))
        gateway = Website(url, self._secret)
        self._gateways = [*self._gateways, gateway]

        def leave() -> None:
            with self._posting:  # Requests already sent have their answers, as after the ten seconds of a preStop hook.
                self._gateways = [other for other in self._gateways if other is not gateway]
            assert process.stop()[0] == 0

        return leave

    def worker(self, code: Path) -> Leave:
        (port,) = free_ports(1)
        process = self._start("worker", code, f"http://127.0.0.1:{port}/ready", WORKER_METRICS_PORT=str(port))

        def leave() -> None:
            assert process.stop()[0] == 0

        return leave

    def open(self) -> None:
        self._visitors.start()

    def close(self) -> int:
        """Stop the signups. Return how many there were."""
        self._stop.set()
        self._visitors.join()
        return len(self.answers)

    def _sign_up(self) -> None:
        while not self._stop.is_set():
            number = len(self.answers)
            with self._posting:
                gateway = self._gateways[number % len(self._gateways)]
                self.answers.append(gateway.post(person(f"P{number}"), f"msg_{number}"))
            time.sleep(0.25)

    def _start(self, name: str, code: Path, url: str, **settings: str) -> Process:
        with self._starting:
            process = self.place.start(name, PYTHONPATH=str(code), RETRY_DELAY_SECONDS="0.5", **UNLIMITED, **settings)
        self.place.until(lambda: status_of(url) == 200, process)
        return process


@pytest.fixture
def rollout(places: Callable[[], Place]) -> Iterator[RollOut]:  # noqa: F811
    place = places()
    place.own_store().start()
    place.serve("sandbox")
    place.sandbox.lift_rate_limits()
    rollout = RollOut(place, place.settings["WEBHOOK_SECRET"])
    yield rollout
    rollout._stop.set()


def test_roll_out_and_roll_back_under_load_refuse_no_signup_and_double_no_mail(rollout: RollOut, older: Path) -> None:
    def roll(kind: Start, running: list[Leave]) -> None:
        for version in (ROOT, older):
            running = [_replaced(leave, by=kind, of=version) for leave in running]

    kinds = (rollout.worker, rollout.gateway)
    with ThreadPoolExecutor(len(kinds)) as at_once:
        running = list(at_once.map(lambda kind: [kind(older), kind(older)], kinds))
        rollout.open()
        list(at_once.map(roll, kinds, running))
    people = rollout.close()

    # Every signup is accepted at the first attempt; none is even asked to retry.
    assert {202} == {answer.status for answer in rollout.answers}
    place = rollout.place
    eventually(lambda: _counted(place) == (people, 7 * people), f"seven mails for each of {people} people", within_s=90)
    assert 7 * people == len(place.sandbox.mails_by_key())
    assert {1} == set(place.sandbox.mails_by_key().values())
    assert [line for process in place.processes for line in process.logs() if line["level"] == "error"] == []


def _replaced(leave: Leave, *, by: Start, of: Path) -> Leave:
    """Start the new process, then stop the old one once the new one is ready. Return how to stop the new one."""
    started = by(of)
    leave()
    return started


def _counted(place: Place) -> tuple[int, int]:
    """Return (contacts who completed, mails sent) from the ledger."""
    status = place.ask("status")
    return status["completed"], status["sent"]
