"""Notifications of trouble on one machine, and their frequency: deploy/watch.sh, and backup.sh when it fails."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.tidy.repository import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="deploy/install.sh is for Debian and Ubuntu")

_ADVENT = """#!/bin/sh
[ "$*" = "health --quiet" ] || exit 2
cat "{trouble}" 2>/dev/null && exit 1
cat "{waiting}" 2>/dev/null && exit 3
exit 0
"""
_HOOK = """#!/bin/sh
[ ! -f "{refuses}" ] || exit 1
{{ echo "$1"; cat; }} >> "{reported}"
"""


class Watched:
    """A machine where the test sets the result of `advent health`, with an alert hook that records notifications."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.trouble, self.reported, self.refuses = (root / name for name in ("trouble", "told", "refuses"))
        self.memory = root / "var/lib/advent/watch"
        self.memory.parent.mkdir(parents=True)
        self._program("opt/advent/current/bin/advent", _ADVENT.format(trouble=self.trouble, waiting=root / "waiting"))
        self._program("etc/advent/alert-hook", _HOOK.format(refuses=self.refuses, reported=self.reported))

    def _program(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True)
        path.write_text(text)
        path.chmod(0o755)

    def looks(self, *, unwell: bool, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run watch.sh once, as the timer does each minute."""
        self.trouble.write_text("! store    does not answer\n") if unwell else self.trouble.unlink(missing_ok=True)
        return self.runs("watch.sh", **environ)

    def runs(self, script: str, **environ: str) -> subprocess.CompletedProcess[str]:
        environ |= {"PATH": os.environ["PATH"], "ADVENT_PREFIX": str(self.root)}
        return subprocess.run([ROOT / "deploy" / script], env=environ, capture_output=True, text=True, check=False)

    def heard(self) -> list[str]:
        """Return the lines of notifications since the last call; each notification begins with `well` or `unwell`."""
        lines = self.reported.read_text().splitlines() if self.reported.exists() else []
        self.reported.unlink(missing_ok=True)
        return lines


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path)


def test_healthy_machine_sends_no_notification(watched: Watched) -> None:
    for _ in range(2):
        done = watched.looks(unwell=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    assert watched.heard() == []


def test_decision_that_waits_for_a_person_sends_no_notification(watched: Watched) -> None:
    (watched.root / "waiting").write_text("? dead     1 dead letter waits for a decision\n")
    for _ in range(3):
        assert watched.looks(unwell=False).returncode == 0

    assert watched.heard() == []


def test_trouble_of_two_minutes_is_reported_once_and_so_is_its_end(watched: Watched) -> None:
    assert "does not answer" in watched.looks(unwell=True).stderr
    assert watched.heard() == []

    watched.looks(unwell=True)
    kind, title, *what = watched.heard()
    assert (kind, what) == ("unwell", ["! store    does not answer"])
    assert title == f"Advent on {os.uname().nodename} is unwell"
    watched.looks(unwell=True)
    assert watched.heard() == []

    watched.looks(unwell=False)
    assert watched.heard()[:2] == ["well", f"Advent on {os.uname().nodename} is well again"]
    watched.looks(unwell=False)
    assert watched.heard() == []


def test_trouble_of_less_than_two_minutes_sends_no_notification(watched: Watched) -> None:
    watched.looks(unwell=True)
    watched.looks(unwell=False)

    assert watched.heard() == []


def test_trouble_that_lasts_is_reported_again_each_hour(watched: Watched) -> None:
    for _ in range(2):
        watched.looks(unwell=True)
    watched.heard()
    hour_ago = time.time() - 3600
    os.utime(watched.memory, (hour_ago, hour_ago))

    watched.looks(unwell=True)
    assert watched.heard()[0] == "unwell"
    watched.looks(unwell=True)
    assert watched.heard() == []


def test_an_alert_that_the_hook_refused_is_repeated_a_minute_later(watched: Watched) -> None:
    watched.looks(unwell=True)
    watched.refuses.touch()
    assert watched.looks(unwell=True).returncode == 1
    watched.refuses.unlink()

    assert watched.looks(unwell=True).returncode == 0
    assert watched.heard()[0] == "unwell"


def test_trouble_is_in_the_journal_if_there_is_no_alert_hook(watched: Watched) -> None:
    (watched.root / "etc/advent/alert-hook").unlink()

    watched.looks(unwell=True)
    done = watched.looks(unwell=True)

    assert (done.returncode, done.stderr) == (0, "! store    does not answer\n")


@pytest.mark.parametrize(("by_timer", "heard"), [({"INVOCATION_ID": "x"}, 1), ({}, 0)], ids=["by timer", "by hand"])
def test_failed_backup_is_reported_only_if_the_timer_started_it(
    watched: Watched, by_timer: dict[str, str], heard: int
) -> None:
    done = watched.runs("backup.sh", **by_timer)

    assert (done.returncode, "no store at" in done.stderr) == (1, True)
    assert sum("the backup failed" in line for line in watched.heard()) == heard


def test_alert_hook_in_the_docs_posts_to_a_channel(watched: Watched) -> None:
    page = (ROOT / "docs" / "deploy.md").read_text()
    code = re.search(r"((?:^    .*\n)+)", page[page.index("    #!/usr/bin/python3") :], re.MULTILINE)
    assert code is not None
    hook = watched.root / "etc/advent/alert-hook"
    hook.write_text(textwrap.dedent(code[1]))
    with channel() as (url, reported):
        watched.looks(unwell=True, CHANNEL=url)
        assert watched.looks(unwell=True, CHANNEL=url).returncode == 0

    (body,) = reported
    assert json.loads(body)["content"].endswith(" is unwell\n! store    does not answer\n")


@contextmanager
def channel() -> Iterator[tuple[str, list[bytes]]]:
    """Yield the URL of a channel and the list of what is posted to it."""
    reported: list[bytes] = []

    class Post(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            reported.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Post) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/channel", reported
        finally:
            server.shutdown()
            thread.join()
