"""A machine to install on: a scratch folder, a copy of the checkout, and the processes started there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.tidy.repository import ROOT

VENV = Path(sys.executable).parent.parent
SYSTEMCTL = Path(__file__).with_name("systemctl.py")
SOURCE = ("common", "actors", "services", "deploy", "pyproject.toml", "README.md", ".env.example")

# The store syncs every write, as in production; in a folder in memory, where one exists, syncing costs nothing. The
# path must be short: a Unix socket path may have 107 characters.
_MEMORY = Path("/dev/shm")


def copy_of_checkout(target: Path) -> Path:
    """Copy the part of the checkout that an installation reads; the checkout itself may change meanwhile."""
    target.mkdir()
    nothing_made = shutil.ignore_patterns("__pycache__", "node_modules", "*.egg-info")
    for name in SOURCE:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target / name, ignore=nothing_made)
        else:
            shutil.copy(ROOT / name, target / name)
    return target


def python_for_all() -> Path | None:
    """
    Return a Python of our version that a service's user may run.

    None if there is none, or if that user cannot read our packages.
    """
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for python in (Path(sys.base_prefix, "bin", version), Path("/usr/bin", version), Path("/usr/local/bin", version)):
        ask = [python, "-c", "import venv, ensurepip"]
        if python.exists() and is_open(python) and subprocess.run(ask, capture_output=True).returncode == 0:
            return python if is_open(VENV) else None
    return None


def is_open(path: Path) -> bool:
    return all(folder.stat().st_mode & 0o001 for folder in [path.resolve(), *path.resolve().parents])


class Machine:
    """A machine for `deploy/install.sh` below its own prefix; with `systemd=True`, `systemctl.py` replaces systemd."""

    def __init__(self, source: Path, *, systemd: bool = False) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="adv-", dir=_MEMORY if _MEMORY.is_dir() else None))
        # The service's user must be able to enter the folder.
        self.root.chmod(0o755)
        self.source = source
        self.units = self.root / "etc/systemd/system"
        self.environ = {
            "PATH": os.environ["PATH"],
            "ADVENT_PREFIX": str(self.root),
            "ROOT": str(self.root),
            "UNITS": str(self.units),
            "STATE": str(self.root / "run/units"),
        }
        if systemd:
            # install.sh calls systemctl as one program, so this script starts Python with systemctl.py.
            program = self.root / "run/systemctl"
            program.parent.mkdir()
            program.write_text(f'#!/bin/sh\nexec {sys.executable} {SYSTEMCTL} "$@"\n')
            program.chmod(0o755)
            self.environ["ADVENT_SYSTEMCTL"] = str(program)

    def install(self, *flags: str, source: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run install.sh once. Return the finished process, even if it failed."""
        return self.run(
            str((source or self.source) / "deploy/install.sh"),
            "--prefix",
            str(self.root),
            "--yes",
            "--python",
            str(python_for_all()),
            "--dependencies-from",
            str(VENV),
            *flags,
        )

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, env=self.environ, capture_output=True, text=True, check=False, timeout=200)

    def advent(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `advent …` as an operator types it on this machine."""
        return self.run(str(self.root / "usr/local/bin/advent"), *arguments)

    def ask(self, *arguments: str) -> Any:
        answer = self.advent(*arguments, "--json")
        assert answer.returncode == 0, answer.stdout + answer.stderr
        return json.loads(answer.stdout)

    def systemctl(self, *arguments: str) -> None:
        done = self.run(sys.executable, str(SYSTEMCTL), *arguments)
        assert done.returncode == 0, done.stderr

    def script(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run backup.sh or restore.sh of the current release."""
        return self.run(str(self.root / "opt/advent/current/deploy" / name), *arguments)

    @property
    def release(self) -> str:
        return (self.root / "opt/advent/current").readlink().name

    @property
    def backups(self) -> list[Path]:
        return sorted((self.root / "var/backups/advent").glob("advent-*.tar.gz"))

    @property
    def services(self) -> list[str]:
        return [f"advent-{name}.service" for name in ("console", "worker", "gateway", "store")]

    def files(self) -> set[str]:
        """Return the paths below the prefix of everything except folders."""
        return {str(path.relative_to(self.root)) for path in self.root.rglob("*") if not path.is_dir()}

    def lines(self) -> str:
        """Return the last output of its processes."""
        return "\n".join(f"== {log.name}\n{log.read_text()[-3000:]}" for log in self.root.glob("run/units/*.log"))

    def close(self) -> None:
        self.systemctl("kill", *self.services)
        shutil.rmtree(self.root, ignore_errors=True)
