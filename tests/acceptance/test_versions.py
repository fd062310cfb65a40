"""A campaign changes while contacts are in the middle of it and real processes are killed."""

from __future__ import annotations

import os
import re
import shutil
import signal
import threading
from pathlib import Path

import common.campaigns
from tests.acceptance.place import UNLIMITED, Place
from tests.acceptance.waiting import eventually
from tests.acceptance.website import person

KEY = "christmas_2025"
PEOPLE = 60
CALM = {"CAMPAIGN_SPEED": "9"}
"""All seven mails are due within 40 s, so that each contact is in mid-sequence when the campaign changes."""


def test_campaign_apply_and_rollback_under_kills_lose_and_double_no_mail(place: Place) -> None:
    files = _files(place)
    place.up(RETRY_DELAY_SECONDS="0.5", CAMPAIGNS_DIR=str(files), **CALM, **UNLIMITED)
    place.sandbox.lift_rate_limits()
    for number in range(PEOPLE):
        assert place.website.post(person(f"P{number}"), f"msg_{number}", patience_s=60).status == 202

    newcomers = [(person(f"N{number}"), f"msg_n{number}") for number in range(PEOPLE)]
    load = threading.Thread(target=lambda: place.website.post_all(newcomers, at_once=2, patience_s=60))
    load.start()
    _edit(files)
    _repeat_until_done(place, files, "apply", "worker", "is in force;")
    _repeat_until_done(place, files, "rollback", "store", "is in force again", KEY)
    load.join()

    everybody = 2 * PEOPLE
    eventually(lambda: _completed(place) == everybody, "everybody's sequence has ended", within_s=150)
    by_key = place.sandbox.mails_by_key()
    assert {1} == set(by_key.values())
    steps = [key.rpartition("/")[2] for key in by_key]
    for step in ("step-1", "step-2", "step-3", "step-4", "step-5", "step-7"):
        assert steps.count(step) == everybody, step
    status = place.ask("status")
    assert (status["completed"], status["dead_letters"]) == (everybody, 0)


def test_a_worker_started_on_older_files_plays_the_version_in_force(place: Place) -> None:
    files = _files(place)
    place.serve_all(CAMPAIGNS_DIR=str(files), CAMPAIGN_SPEED="60")
    place.sandbox.lift_rate_limits()
    older = place.folder / "older"
    shutil.copytree(files, older)
    _edit(files)
    assert place.run("campaign", "apply", CAMPAIGNS_DIR=str(files), CAMPAIGN_SPEED="60").wait() == 0
    place.processes[2].stop()

    worker = place.serve("worker", CAMPAIGNS_DIR=str(older), CAMPAIGN_SPEED="60")
    place.website.post(person("Ada"), "msg_1")
    eventually(lambda: _completed(place) == 1, "Ada's sequence has ended")

    assert any(line["event"] == "campaign_files_differ" for line in worker.logs())
    subjects = [mail["subject"] for mail in place.sandbox.inbox()]
    assert len(subjects) == 6
    assert any(subject.startswith("New: ") for subject in subjects)


def _files(place: Place) -> Path:
    files = place.folder / "campaigns"
    shutil.copytree(Path(common.campaigns.__file__).parent / KEY, files / KEY)
    return files


def _edit(files: Path) -> None:
    """Change the subject of the fifth mail and remove the sixth step."""
    manifest = files / KEY / "campaign.toml"
    manifest.write_text(re.sub(r'\[\[steps\]\]\nid = "step-6".*?\n\n', "", manifest.read_text(), flags=re.DOTALL))
    for body in (files / KEY).glob("*/emails/5-*.md"):
        body.write_text(body.read_text().replace("subject: ", "subject: New: ", 1))


def _repeat_until_done(place: Place, files: Path, command: str, victim: str, said: str, *arguments: str) -> None:
    """Kill a process while the command runs, and repeat the command until its output says that all is done."""
    settings = {"CAMPAIGNS_DIR": str(files), **CALM}
    strike = threading.Timer(1.0, lambda: _kill(place, victim))
    strike.start()

    def is_done() -> bool:
        process = place.run("campaign", command, *arguments, **settings)
        status, output = process.wait(), process.stdout + process.stderr
        # After a kill that followed the switch, a repetition finds nothing to do; a worker finishes the schedules.
        return (status == 0 and said in output) or "nothing would change" in output or "none to go back to" in output

    eventually(is_done, f"`advent campaign {command}`", within_s=60)
    strike.join()


def _completed(place: Place) -> int:
    return sum(row["Sequence Completed"] for row in place.sandbox.rows("Email Sequence"))


def _kill(place: Place, name: str) -> None:
    pid = place.child(name)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
