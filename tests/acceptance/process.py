"""One process that a test started: what it said, and how it ends."""

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
"""Within which every process of ours ends, when asked to."""


class Process:
    """`advent …` in a folder of its own; stdout and stderr go to files, so that nobody waits for a reader."""

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
                # Out of pytest's group: its Ctrl-C is not ours.
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self.popen.pid

    @property
    def is_running(self) -> bool:
        return self.popen.poll() is None

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self.popen.kill()
        self.popen.wait(STOP_S)

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, float]:
        """Ask it to stop: its exit status and the seconds it took. Fails after 30 s."""
        began = time.monotonic()
        self.popen.send_signal(number)
        return self.popen.wait(STOP_S), time.monotonic() - began

    def wait(self, within_s: float = 60) -> int:
        """Its exit status, once it ends by itself."""
        return self.popen.wait(within_s)

    @property
    def stdout(self) -> str:
        return self._out.read_text(errors="replace")

    @property
    def stderr(self) -> str:
        return self._err.read_text(errors="replace")

    def logs(self) -> list[dict[str, Any]]:
        """Every line of stderr, as the JSON object that it has to be; the last one may still be being written."""
        lines = self.stderr.splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]


def surroundings() -> dict[str, str]:
    """No setting of the user who runs the tests; and the code next to these tests, whatever is installed."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return {**kept, "PYTHONPATH": str(_INSTALLATION)}
