"""install.sh reads a settings file as Advent does, and writes it so that systemd and the command `advent` agree."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from common.settings.process_needs import SECRETS
from tests.tidy.repository import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="deploy/install.sh is for Debian and Ubuntu")

DEPLOY = ROOT / "deploy"
_RUN = """
set -euo pipefail
here=$DEPLOY domain='' env_file=$1
. "$here/lib/say.sh"; . "$here/lib/settings.sh"
places
mkdir -p "$secrets" "$units"
read_settings release
write_settings
"""


@dataclass
class Settled:
    """The settings on a machine: the file `advent.env`, and each secret by its name."""

    root: Path

    def write(self, given: str) -> subprocess.CompletedProcess[str]:
        """Run the part of `install.sh` that reads and writes settings, with `--env-file`."""
        python = self.root / "opt/advent/releases/release/bin/python"
        python.parent.mkdir(parents=True, exist_ok=True)
        python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        python.chmod(0o755)
        (self.root / "my.env").write_bytes(given.encode())
        environ = {"PATH": os.environ["PATH"], "ADVENT_PREFIX": str(self.root), "DEPLOY": str(DEPLOY)}
        command = ["bash", "-c", _RUN, "install.sh", str(self.root / "my.env")]
        return subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=60)

    @property
    def file(self) -> Path:
        return self.root / "etc/advent/advent.env"

    def secrets(self) -> Mapping[str, str]:
        """Return the secrets that were given, not those that install.sh generates."""
        folder = self.root / "etc/advent/secrets"
        return {file.name: file.read_text() for file in folder.iterdir() if file.name not in _GENERATED}

    def as_the_command_reads_it(self) -> dict[str, str]:
        """Return the settings that the installed command `advent` passes on."""
        command = self.root / "advent"
        command.write_text((DEPLOY / "lib/advent.in").read_text().replace("@PREFIX@", str(self.root)))
        program = self.root / "opt/advent/current/bin/advent"
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text("#!/bin/sh\nenv -0\n")
        program.chmod(0o755)
        done = subprocess.run(["bash", command], env={"PATH": os.environ["PATH"]}, capture_output=True, check=True)
        return dict(pair.split("=", 1) for pair in done.stdout.decode().split("\0") if pair)


_GENERATED = ("SECRET_KEY", "CONSOLE_TOKEN")


@pytest.fixture
def settled(tmp_path: Path) -> Settled:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").touch()
    return Settled(tmp_path)


SECRET_LINES = {
    "spaces around the sign": ("RESEND_API_KEY = re_live\n", "re_live"),
    "comment after the value": ("RESEND_API_KEY=re_live # from Sarah\n", "re_live"),
    "Windows line ends": ('RESEND_API_KEY="re_live"\r\nLOG_LEVEL=info\r\n', "re_live"),
    "export and lower case": ("  export resend_api_key='re_live'\n", "re_live"),
    "a number sign in quotes": ("RESEND_API_KEY='re #live'\n", "re #live"),
    "two lines": ("RESEND_API_KEY=re_old\nRESEND_API_KEY=re_live\n", "re_live"),
}


@pytest.mark.parametrize(("given", "value"), SECRET_LINES.values(), ids=list(SECRET_LINES))
def test_secret_in_a_settings_file_is_stored_as_advent_reads_it(settled: Settled, given: str, value: str) -> None:
    done = settled.write(given)

    assert done.returncode == 0, done.stderr
    assert settled.secrets() == {"RESEND_API_KEY": f"{value}\n"}
    assert "re_" not in settled.file.read_text()


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ("A <a@b.c> # sender", "A <a@b.c>"),
        ("A <a@b.c>   \r", "A <a@b.c>"),
        ("'\"B, A\" <a@b.c>'", "'\"B, A\" <a@b.c>'"),
        ('"A # 1 <a@b.c>"', "'A # 1 <a@b.c>'"),
        ('"A\'s # 1 <a@b.c>"', '"A\'s # 1 <a@b.c>"'),
        ("${NAME}@example.com", "sarah@example.com"),
    ],
)
def test_setting_in_a_settings_file_means_the_same_to_systemd_and_the_command(
    settled: Settled, given: str, line: str
) -> None:
    done = settled.write(f"# who sends\nNAME=sarah\n\nEMAIL_FROM = {given}\nDATA_DIR=./data\n")

    assert done.returncode == 0, done.stderr
    assert settled.file.read_text() == f"# who sends\nNAME=sarah\n\nEMAIL_FROM={line}\n"
    value = line[1:-1] if line[0] in "\"'" else line
    assert settled.as_the_command_reads_it()["EMAIL_FROM"] == value
    # What it wrote means the same when it is read again.
    before = settled.file.read_text()
    assert settled.write(before).stdout == ""
    assert settled.file.read_text() == before


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ('\nEMAIL_FROM="Sarah" <s@example.com>\n', "line 3: write NAME=value"),
        ('RESEND_API_KEY="re_live\n', "line 2: write NAME=value"),
        ("EMAIL_FROM=a\\b\n", "EMAIL_FROM: a value cannot contain a backslash"),
        ('EMAIL_FROM="\'A\' \\" # <a@b.c>"\n', "EMAIL_FROM: a value that begins with a quote or contains ' #' cannot"),
    ],
)
def test_unreadable_settings_file_changes_nothing_and_is_explained(settled: Settled, given: str, said: str) -> None:
    done = settled.write("NAME=sarah\n" + given)

    assert (done.returncode, done.stdout, settled.file.exists()) == (1, "", False)
    assert f"{settled.root}/my.env: {said}" in done.stderr
    assert "re_live" not in done.stderr


def test_each_secret_of_the_settings_file_gets_a_file_of_its_own(settled: Settled) -> None:
    names = sorted(name.upper() for name in SECRETS if name != "redis_url")

    assert settled.write("".join(f"{name}=value\n" for name in names)).returncode == 0

    folder = settled.root / "etc/advent/secrets"
    assert {file.name: file.read_text() for file in folder.iterdir()} == dict.fromkeys(names, "value\n")
    assert settled.file.read_text() == ""
