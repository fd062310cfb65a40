"""A process that a test started: its output and how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ADVENT = str(Path(sys.executable).parent / "advent")

_INSTALLATION = Path(__file__).parents[2]

STOP_S = 30.0
"""Time within which every process of ours ends after a signal."""


class Process:
    """A running `advent …` command; stdout and stderr go to files, so that the process never waits for a reader."""

    def __init__(self, arguments: tuple[str, ...], *, folder: Path, settings: Mapping[str, str], number: int) -> None:
        self.name = f"{number}-{arguments[0]}"
        self._out, self._err = folder / f"{self.name}.out", folder / f"{self.name}.err"
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.popen = subprocess.Popen(
                [ADVENT, *arguments],
                cwd=folder,
                env={**surroundings(), **settings},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                # Outside pytest's process group, so that Ctrl-C in pytest does not reach the process.
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self.popen.pid

    @property
    def is_running(self) -> bool:
        return self.popen.poll() is None

    def kill(self) -> None:
        """Send SIGKILL and wait until the process has ended."""
        self.popen.kill()
        self.popen.wait(STOP_S)

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, float]:
        """Send the signal. Return the exit status and the seconds until the process ended. Fails after 30 s."""
        began = time.monotonic()
        self.popen.send_signal(number)
        return self.popen.wait(STOP_S), time.monotonic() - began

    def wait(self, within_s: float = 60) -> int:
        """Wait until the process ends on its own. Return its exit status."""
        return self.popen.wait(within_s)

    @property
    def stdout(self) -> str:
        return self._out.read_text(errors="replace")

    @property
    def stderr(self) -> str:
        return self._err.read_text(errors="replace")

    def logs(self) -> list[dict[str, Any]]:
        """Return the lines of stderr, which must all be JSON objects. An unfinished last line is left out."""
        lines = self.stderr.splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]


def surroundings() -> dict[str, str]:
    """
    Return the environment of a process.

    It has no setting of the user who runs the tests, and it uses the code of this checkout, whatever is installed.
    """
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return {**kept, "PYTHONPATH": str(_INSTALLATION)}
