"""
Runs `advent` with a machine clock that jumps: `python -m tests.chaos.wrong_clock FILE worker`.

FILE holds the offset of the clock in seconds and is read again every 100 ms. The code that runs does not know of it: it
asks its machine for the time, as always.
"""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from pathlib import Path

from services.cli.main import main

_true_ns = time.time_ns
LOOK_EVERY_NS = 100_000_000


class WrongClock:
    """The machine's clock plus the offset that a file contains."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._looked_ns = self._off_ns = 0

    def now_ns(self) -> int:
        now_ns = _true_ns()
        if now_ns - self._looked_ns > LOOK_EVERY_NS:
            self._looked_ns = now_ns
            with suppress(OSError, ValueError):  # The file is just being replaced: keep the last offset.
                self._off_ns = int(float(self._file.read_text()) * 1e9)
        return now_ns + self._off_ns

    def now(self) -> float:
        return self.now_ns() / 1e9


if __name__ == "__main__":
    clock = WrongClock(Path(sys.argv[1]))
    time.time_ns, time.time = clock.now_ns, clock.now
    sys.exit(main(sys.argv[2:]))
