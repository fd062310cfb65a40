"""A process that is restarted whenever it ends, with a check of how it ended each time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

from common.processes import die_with_parent
from common.store.embedded import EmbeddedStore
from common.store.errors import StoreError
from tests.acceptance.process import STOP_S

_INSTALLATION = Path(__file__).parents[2]

_SETTLING_S = 5.0
"""In its first seconds a process may not have its signal handlers yet, so the signal itself may end it."""


class SupervisedProcess:
    """A process that is restarted. `launch` starts it; `complain` is told what should not have happened."""

    def __init__(
        self,
        name: str,
        launch: Callable[[int], subprocess.Popen[bytes]],
        random: Random,
        complain: Callable[[str], None],
    ) -> None:
        self.name = name
        self.starts = 0
        self.longest_stop_s = 0.0
        self._launch, self._random, self._complain = launch, random, complain
        self._popen: subprocess.Popen[bytes] | None = None
        self._began_s = self._again_s = 0.0
        self._thaws_s: float | None = None
        self._asked_s: float | None = None
        self._killed = False

    @property
    def is_running(self) -> bool:
        return self._popen is not None and self._popen.poll() is None

    def tend(self, now_s: float) -> None:
        """Start the process when it is due, resume it when it was suspended long enough, and check how it ended."""
        if self._popen is None:
            if now_s >= self._again_s:
                self._begin(now_s)
        elif self._popen.poll() is not None:
            self._ended(self._popen, now_s)
        elif self._thaws_s is not None and now_s >= self._thaws_s:
            self._popen.send_signal(signal.SIGCONT)
            self._thaws_s = None
        elif self._asked_s is not None and now_s - self._asked_s > STOP_S:
            self._complain(f"{self.name} did not end within {STOP_S:.0f} s of SIGTERM")
            self.kill()

    def kill(self) -> bool:
        """Send SIGKILL. Return False when there is no running process."""
        if self._popen is None or not self.is_running:
            return False
        self._popen.kill()
        self._popen.wait()
        self._killed = True
        return True

    def stop(self, now_s: float) -> bool:
        """Send SIGTERM; the process must end with status 0, in time. Return False when it cannot be stopped now."""
        if self._popen is None or not self.is_running or self._asked_s is not None or self._thaws_s is not None:
            return False
        self._popen.terminate()
        self._asked_s = now_s
        return True

    def freeze(self, now_s: float, seconds: float) -> bool:
        """Send SIGSTOP, and SIGCONT after `seconds`. Return False when it cannot be suspended now."""
        if self._popen is None or not self.is_running or self._asked_s is not None:
            return False
        self._popen.send_signal(signal.SIGSTOP)
        self._thaws_s = now_s + seconds
        self._began_s += seconds  # Suspended time does not count as age.
        return True

    def thaw(self) -> None:
        self._thaws_s = 0.0 if self._thaws_s is not None else None

    def end(self) -> None:
        with suppress(OSError, subprocess.TimeoutExpired):
            if self._popen is not None and self.is_running:
                self._popen.send_signal(signal.SIGCONT)
                self._popen.kill()
                self._popen.wait(STOP_S)

    def _begin(self, now_s: float) -> None:
        try:
            self._popen = self._launch(self.starts)
        except StoreError as error:
            self._complain(f"{self.name} does not start: {error}")
            self._again_s = now_s + 5
            return
        self.starts += 1
        self._began_s, self._killed, self._asked_s, self._thaws_s = now_s, False, None, None

    def _ended(self, popen: subprocess.Popen[bytes], now_s: float) -> None:
        status = popen.returncode
        if self._asked_s is not None and not self._killed:
            self.longest_stop_s = max(self.longest_stop_s, now_s - self._asked_s)
            young = self._asked_s - self._began_s < _SETTLING_S
            if status != 0 and not (young and status == -signal.SIGTERM):
                self._complain(f"{self.name}, start {self.starts}, ended with {status} after SIGTERM")
        elif not self._killed:
            self._complain(f"{self.name}, start {self.starts}, ended by itself with {status}")
        self._popen = None
        self._again_s = now_s + self._random.uniform(0, 1)


def ours(
    name: str, *arguments: str, folder: Path, settings: Mapping[str, str]
) -> Callable[[int], subprocess.Popen[bytes]]:
    """Return a function that starts `advent …` with a clock that can jump: `<name>.clock` has its offset in seconds."""
    (folder / f"{name}.clock").write_text("0")
    how = advent(*arguments, folder=folder, settings=settings, clock=f"{name}.clock")

    def launch(number: int) -> subprocess.Popen[bytes]:
        with (folder / f"{name}-{number}.err").open("wb") as err:
            return subprocess.Popen(**how, stdout=err, stderr=err, start_new_session=True, preexec_fn=die_with_parent)

    return launch


def advent(*arguments: str, folder: Path, settings: Mapping[str, str], clock: str = "none.clock") -> dict[str, Any]:
    """Return the arguments with which `subprocess` runs `advent …` in a folder."""
    return {
        "args": [sys.executable, "-m", "tests.chaos.wrong_clock", str(folder / clock), *arguments],
        "cwd": folder,
        "env": {**_inherited_settings(), **settings},
        "stdin": subprocess.DEVNULL,
    }


def jump(folder: Path, name: str, seconds: float) -> None:
    """
    Move a process's clock by `seconds` from now on, also after a restart.

    Its offset stays within two minutes, because a sender's signature is valid for five.
    """
    file = folder / f"{name}.clock"
    replacement = file.with_suffix(".new")
    replacement.write_text(str(max(-120.0, min(120.0, float(file.read_text()) + seconds))))
    os.replace(replacement, file)


class SupervisedStore(SupervisedProcess):
    """The store, whose log can be left torn after a kill."""

    def __init__(self, store: EmbeddedStore, random: Random, complain: Callable[[str], None]) -> None:
        super().__init__("store", self._start, random, complain)
        self._store = store
        self._ends: tuple[tuple[str, int], ...] = ()
        self.torn = 0

    def _start(self, _number: int) -> subprocess.Popen[bytes]:
        self._store.launch()
        assert self._store.process is not None
        return self._store.process

    def end_for_good(self) -> None:
        """End the store and release its directory."""
        self.end()
        self._store.stop()

    def tear(self) -> None:
        """
        Append half a write to the log, as a power cut leaves of a write that was never acknowledged.

        Only while the store is down, and only if it has written anything since the last time.
        """
        logs = sorted((self._store.directory / "appendonlydir").glob("*.incr.aof"), key=_number)
        if not logs or self.is_running or (end := (logs[-1].name, logs[-1].stat().st_size)) in self._ends:
            return
        half = _HALF_A_WRITE[self.torn % len(_HALF_A_WRITE)]
        with logs[-1].open("ab") as log:
            log.write(half)
        # The end of the log without the half write, and with it in case the store has not cut it off.
        self._ends = (end, (end[0], end[1] + len(half)))
        self.torn += 1


_HALF_A_COMMAND = b"*3\r\n$3\r\nSET\r\n$12\r\n{advent}:tor"
_HALF_A_WRITE = (_HALF_A_COMMAND, b"*1\r\n$5\r\nMULTI\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb\r\n" + _HALF_A_COMMAND)
"""Half a write of one command, and half a write of a script that changed several keys."""


def _number(log: Path) -> int:
    return int(log.name.split(".")[-3])


def _inherited_settings() -> dict[str, str]:
    """Return an environment without the settings of this process, and with the code next to these tests."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return {**inherited, "PYTHONPATH": str(_INSTALLATION)}
