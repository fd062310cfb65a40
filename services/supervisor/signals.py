"""Let the supervisor wait for Ctrl-C, SIGTERM and ended children."""

from __future__ import annotations

import os
import select
import signal
import time
from types import FrameType, TracebackType

_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_AGAIN_S = 1.0
"""Ctrl-C may arrive twice at once (terminal group and parent). A second one counts only after this time."""


class Signals:
    """
    Signal handlers, from `__enter__` to `__exit__`, that only set flags, so nothing is interrupted.

    `stop`: a first signal to stop has come. `stop_now`: a second one has. `wait` returns early on a signal.
    """

    def __init__(self) -> None:
        self._first: float | None = None
        self.stop_now = False

    @property
    def stop(self) -> bool:
        return self._first is not None

    def __enter__(self) -> Signals:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        self._wakeup = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        # Under `nohup`, SIGHUP is ignored and must stay ignored.
        numbers = [n for n in _STOPPING if n != signal.SIGHUP or signal.getsignal(n) != signal.SIG_IGN]
        self._before = {number: signal.signal(number, self._note) for number in numbers}
        self._before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, _nothing)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.reset()

    def reset(self) -> None:
        """Restore the earlier handlers; a forked child does this first."""
        signal.set_wakeup_fd(self._wakeup)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        os.close(self._read)
        os.close(self._write)

    def wait(self, seconds: float) -> None:
        """Wait until a signal arrives, but at most `seconds`."""
        select.select([self._read], [], [], max(0.0, seconds))
        while self._drained():
            pass

    def _drained(self) -> bool:
        try:
            return bool(os.read(self._read, 4096))
        except BlockingIOError:
            return False

    def _note(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._first is None:
            self._first = now
        elif now - self._first > _AGAIN_S:
            self.stop_now = True


def _nothing(number: int, frame: FrameType | None) -> None:
    """Do nothing. Without a handler, Python would not write to the wake-up pipe."""
