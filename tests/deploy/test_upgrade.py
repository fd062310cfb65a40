"""
An upgrade on one machine, with stand-ins for systemctl, the releases and the store (`stubs/`).

At each call of a stand-in, a signup arrives and a mail is sent if a process is running that would accept or send it. So
the tests notice an upgrade that loses a signup or sends too early.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tidy.repository import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="deploy/install.sh is for Debian and Ubuntu")

STUBS = Path(__file__).with_name("stubs")
PERSON = "the sender's domain moves"
SERVICES = ("console", "gateway", "worker")

_RUN = r"""
set -euo pipefail
export INSTALL_PID=$$
here=$DEPLOY
for part in say machine users settings releases services upgrade web; do . "$here/lib/$part.sh"; done
domain='' env_file=${ENV_FILE:-}
nginx=no http_port=80 https_port=443 upgrade_store=no store_changed=no changes=0 start=yes patience=0
places
read_settings "$1"
roll_to "$1"
"""


class Upgraded:
    """A machine with the releases `old` (format 1) and `new`, and with signups and mails at each call."""

    def __init__(self, root: Path, *, new_format: int = 2) -> None:
        self.root, self.world = root, root / "world"
        self.environ = {
            "PATH": os.environ["PATH"],
            "ADVENT_PREFIX": str(root),
            "ADVENT_SYSTEMCTL": str(STUBS / "systemctl"),
            "DEPLOY": str(ROOT / "deploy"),
            "PYTHON": sys.executable,
            "ROOT": str(root),
            "STUBS": str(STUBS),
            "WORLD": str(self.world),
        }
        for name in ("etc/advent/secrets", "etc/systemd/system", "var/lib/advent", "opt/advent/store", "world/running"):
            (root / name).mkdir(parents=True)
        (root / "etc/passwd").touch()
        (root / "etc/advent/advent.env").write_text("EMAIL_FROM=old@example.com\n")
        self.store.mkdir()
        (self.store / "accepted").touch()
        (self.world / "log").touch()
        self.release("old", 1)
        self.release("new", new_format)
        (self.store / "format").write_text("1\n")
        assert self.roll_to("old").returncode == 0
        self.forget()

    @property
    def store(self) -> Path:
        return self.world / "store"

    @property
    def current(self) -> str:
        return (self.root / "opt/advent/current").readlink().name

    def release(self, name: str, number: int, *faults: str) -> None:
        folder = self.root / "opt/advent/releases" / name
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "bin").mkdir(parents=True)
        for program in ("advent", "python"):
            shutil.copy(STUBS / program, folder / "bin" / program)
        (folder / "deploy").symlink_to(ROOT / "deploy")
        (folder / "format").write_text(f"{number}\n")
        (folder / "faults").write_text("".join(f"{fault}\n" for fault in faults))

    def roll_to(
        self, name: str, *, kill_at: int | None = None, settings: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """
        Run the part of `install.sh` after the release is installed.

        `kill_at`: the call at which it is killed. `settings`: the content of the file that `--env-file` names.
        """
        if settings is not None:
            (self.world / "my.env").write_text(settings)
        self.environ["ENV_FILE"] = "" if settings is None else str(self.world / "my.env")
        (self.world / "calls").write_text("")
        (self.world / "kill_at").write_text(str(kill_at or "never"))
        command = ["bash", "-c", _RUN, "install.sh", name]
        return subprocess.run(command, env=self.environ, capture_output=True, text=True, check=False, timeout=60)

    def settings(self) -> dict[str, str]:
        """Return the content of the settings file and of each secret, by file name."""
        etc = self.root / "etc/advent"
        return {file.name: file.read_text() for file in (etc / "advent.env", *(etc / "secrets").iterdir())}

    def calls(self) -> int:
        return len((self.world / "calls").read_text().splitlines())

    def forget(self) -> None:
        """Clear the log and the accepted signups, so that only later ones count."""
        (self.world / "log").write_text("")
        (self.store / "accepted").write_text("")

    def log(self) -> list[str]:
        return (self.world / "log").read_text().splitlines()

    def pause(self) -> str | None:
        file = self.store / "pause"
        return file.read_text().strip() if file.exists() else None

    def running(self) -> dict[str, str]:
        """Return the release of each running unit."""
        return {
            file.stem.removeprefix("advent-"): file.read_text().strip() for file in (self.world / "running").iterdir()
        }

    def nobody_is_lost(self) -> bool:
        accepted = sum(line.startswith("accepted") for line in self.log())
        return accepted == len((self.store / "accepted").read_text().splitlines())

    def runs(self, release: str, store_format: int) -> bool:
        """Return whether all services run this release over a store of that format, with nothing left of an upgrade."""
        enabled = set((self.world / "enabled").read_text().split())
        return (
            self.current == release
            and self.running().keys() >= {*SERVICES, "store"}
            and {self.running()[name] for name in SERVICES} == {release}
            and enabled >= {f"advent-{name}.service" for name in (*SERVICES, "store")}
            and (self.store / "format").read_text() == f"{store_format}\n"
            and not (self.root / "opt/advent/upgrade").exists()
            and not list(self.root.rglob("*trial*"))
        )


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Upgraded]:
    return lambda **given: Upgraded(tmp_path / "machine", **given)


@pytest.mark.parametrize("new_format", [pytest.param(1, marks=pytest.mark.acceptance), 2])
def test_a_release_is_upgraded_and_nothing_is_sent_before_signups_are_accepted(
    make: Callable[..., Upgraded], new_format: int
) -> None:
    machine = make(new_format=new_format)

    done = machine.roll_to("new")

    assert done.returncode == 0, done.stderr
    assert machine.runs("new", new_format)
    assert (machine.pause(), machine.nobody_is_lost()) == (None, True)
    by_new = [line for line in machine.log() if line.endswith("by new")]
    assert by_new[0] == "accepted by new"
    assert "sent by new" in by_new


FAULTS = (
    "trial-not-ready",
    *(
        pytest.param(fault, marks=pytest.mark.acceptance)
        for fault in ("worker-not-ready", "console-not-ready", "unhealthy", "migrate-refuses", "migrate-breaks")
    ),
)


@pytest.mark.parametrize("fault", FAULTS)
def test_release_that_fails_a_check_is_replaced_by_the_old_release_and_its_store(
    make: Callable[..., Upgraded], fault: str
) -> None:
    machine = make()
    machine.release("new", 2, fault)

    done = machine.roll_to("new")

    assert (done.returncode, "old runs again; nothing is lost" in done.stderr) == (1, True), done.stderr
    assert machine.runs("old", 1)
    assert (machine.pause(), machine.nobody_is_lost()) == (None, True)
    assert {line for line in machine.log() if line.endswith("by new")} == set()


@pytest.mark.acceptance
@pytest.mark.parametrize("fault", ["worker-not-ready", "trial-not-ready", "gateway-not-ready"])
def test_rollback_keeps_a_store_with_an_unchanged_format(make: Callable[..., Upgraded], fault: str) -> None:
    machine = make(new_format=1)
    machine.release("new", 1, fault)

    assert machine.roll_to("new").returncode == 1

    assert machine.runs("old", 1)
    assert (machine.pause(), machine.nobody_is_lost()) == (None, True)
    assert "sent by new" not in machine.log()


def test_store_copy_is_not_restored_once_signups_may_have_been_accepted(make: Callable[..., Upgraded]) -> None:
    machine = make()
    machine.release("new", 2, "gateway-not-ready")

    done = machine.roll_to("new")

    assert (done.returncode, "the copy of the store is not put back" in done.stderr) == (1, True), done.stderr
    assert (machine.current, machine.pause()) == ("new", "upgrade by install.sh")
    assert "accepted by new" in machine.log()
    assert "sent by new" not in machine.log()
    # The release is fixed and the upgrade repeated.
    machine.release("new", 2)
    assert machine.roll_to("new").returncode == 0
    assert machine.runs("new", 2)
    assert (machine.pause(), machine.nobody_is_lost()) == (None, True)


NEW_SETTINGS = "EMAIL_FROM=new@example.com\nSECRET_KEY=another\nNOTION_TOKEN=ntn_new\n"


def test_new_settings_are_in_force_after_an_upgrade(make: Callable[..., Upgraded]) -> None:
    machine = make()
    before = machine.settings()

    done = machine.roll_to("new", settings=NEW_SETTINGS)

    assert done.returncode == 0, done.stderr
    new = {"advent.env": "EMAIL_FROM=new@example.com\n", "SECRET_KEY": "another\n", "NOTION_TOKEN": "ntn_new\n"}
    assert machine.settings() == {**before, **new}
    assert not (machine.root / "etc/advent/before-upgrade").exists()


@pytest.mark.parametrize("kill_at", [None, 3, 50])
def test_rollback_restores_the_settings_from_before_the_upgrade(
    make: Callable[..., Upgraded], kill_at: int | None
) -> None:
    machine = make()
    before, units = machine.settings(), _worker_secrets(machine)
    machine.release("new", 2, "trial-not-ready")

    if kill_at:
        assert machine.roll_to("new", kill_at=kill_at, settings=NEW_SETTINGS).returncode == -9
    done = machine.roll_to("new", settings=NEW_SETTINGS)

    assert (done.returncode, machine.runs("old", 1)) == (1, True), done.stderr
    assert (machine.settings(), _worker_secrets(machine)) == (before, units)
    assert not (machine.root / "etc/advent/before-upgrade").exists()


def _worker_secrets(machine: Upgraded) -> str:
    return (machine.root / "etc/systemd/system/advent-worker.service.d/secrets.conf").read_text()


@pytest.mark.parametrize("fault", [None, pytest.param("unhealthy", marks=pytest.mark.acceptance)])
def test_pause_by_an_operator_outlasts_an_upgrade(make: Callable[..., Upgraded], fault: str | None) -> None:
    machine = make()
    (machine.store / "pause").write_text(f"{PERSON}\n")
    if fault:
        machine.release("new", 2, fault)

    done = machine.roll_to("new")

    assert machine.current == ("old" if fault else "new"), done.stderr
    assert machine.pause() == PERSON
    assert fault or "sending stays paused, as it was before the upgrade" in done.stdout
    assert [line for line in machine.log() if line.startswith("sent")] == []


@pytest.mark.parametrize("new_format", [1, 2])
def test_notes_of_a_migration_are_shown_by_an_upgrade(make: Callable[..., Upgraded], new_format: int) -> None:
    machine = make(new_format=new_format)
    machine.release("new", new_format, "migrate-asks")

    done = machine.roll_to("new")

    assert (done.returncode, "  decide: advent migrate --yes\n" in done.stdout) == (0, True), done.stdout
    assert ("changed  the store was migrated" in done.stdout, "nothing to do" in done.stdout) == (
        new_format == 2,
        False,
    )


@pytest.mark.parametrize(("new_format", "fault"), [(2, None), (1, "trial-not-ready")])
def test_hold_of_a_restored_store_outlasts_an_upgrade(
    make: Callable[..., Upgraded], new_format: int, fault: str | None
) -> None:
    machine = make(new_format=new_format)
    (machine.store / "hold").touch()
    machine.release("new", new_format, *filter(None, [fault]))

    done = machine.roll_to("new")

    assert machine.current == ("old" if fault else "new"), done.stderr
    assert (machine.pause(), (machine.store / "hold").exists()) == (None, True)
    assert [line for line in machine.log() if line.startswith("sent")] == []


def test_older_release_that_cannot_keep_holds_is_resumed(make: Callable[..., Upgraded]) -> None:
    machine = make(new_format=1)
    machine.release("old", 1, "resumes-all")
    assert machine.roll_to("new").returncode == 0

    done = machine.roll_to("old")

    assert (done.returncode, machine.current, machine.pause()) == (0, "old", None), done.stderr


@pytest.mark.acceptance
def test_older_release_that_cannot_read_the_store_is_rolled_back(make: Callable[..., Upgraded]) -> None:
    machine = make()
    assert machine.roll_to("new").returncode == 0

    done = machine.roll_to("old")

    assert (done.returncode, "new runs again" in done.stderr) == (1, True), done.stderr
    assert machine.runs("new", 2)
    assert (machine.pause(), machine.nobody_is_lost()) == (None, True)


@pytest.mark.acceptance
def test_upgrade_of_an_unhealthy_machine_requires_only_readiness(make: Callable[..., Upgraded]) -> None:
    machine = make()
    for name, number in (("old", 1), ("new", 2)):
        machine.release(name, number, "unhealthy")

    assert machine.roll_to("new").returncode == 0
    assert machine.runs("new", 2)


@pytest.mark.acceptance
def test_installing_the_same_release_again_restarts_and_pauses_nothing(make: Callable[..., Upgraded]) -> None:
    machine = make()
    sent = len(machine.log())

    assert machine.roll_to("old").returncode == 0

    assert machine.runs("old", 1)
    assert len(machine.log()) > sent


@pytest.mark.acceptance
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("fault", "first"), [(None, 1), (None, 3), ("worker-not-ready", 2), ("trial-not-ready", 4), ("migrate-breaks", 1)]
)
def test_upgrade_killed_at_any_call_and_repeated_ends_like_an_uninterrupted_one(
    tmp_path: Path, fault: str | None, first: int
) -> None:
    machine = Upgraded(tmp_path / "machine")
    machine.release("new", 2, *filter(None, [fault]))
    before = shutil.copytree(machine.root, tmp_path / "before", symlinks=True)
    machine.roll_to("new")
    calls = machine.calls()
    assert calls > 30

    # Kill at every fourth call; the cases begin at different calls.
    for number in range(first, calls + 1, 4):
        shutil.rmtree(machine.root)
        shutil.copytree(before, machine.root, symlinks=True)
        killed = machine.roll_to("new", kill_at=number)
        done = machine.roll_to("new")
        said = f"killed at call {number}: {killed.stdout}{killed.stderr}\n--\n{done.stdout}{done.stderr}"

        assert killed.returncode == -9, said
        if fault is None:
            assert machine.runs("new", 2), said
        else:
            assert machine.runs("old", 1), said
            assert "sent by new" not in machine.log(), said
        assert (machine.pause(), machine.nobody_is_lost()) == (None, True), said
