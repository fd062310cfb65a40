"""Start the embedded store again when it ends: a full disk, for example, must not end the other processes."""

from __future__ import annotations

import time
from collections.abc import Callable

from common.store.embedded import EmbeddedStore
from common.store.errors import StoreError
from services.supervisor.child import STEADY_S, backoff_s
from services.supervisor.run_dir import RunDirectory


class StoreWatchdog:
    """Restarts the store. Call `check` often. `start_at`: the next start (monotonic seconds); None while it runs."""

    def __init__(self, store: EmbeddedStore, run_dir: RunDirectory, *, say: Callable[[str], None]) -> None:
        """`store`: has just been started."""
        self.start_at: float | None = None
        self._store, self._run_dir, self._say = store, run_dir, say
        self._failures = 0
        self._note_start()

    def check(self) -> None:
        """Start the store if it has ended: at once if it ran for STEADY_S, otherwise after a longer wait each time."""
        if self._store.is_running:
            return
        now = time.monotonic()
        if self.start_at is None:
            self._failures = 1 if now - self._started_s > STEADY_S else self._failures + 1
            self._schedule_start(f"the data store ended; starting it again{self._delay_text()}")
        elif now >= self.start_at:
            self._start()

    def _start(self) -> None:
        try:
            self._store.launch()
        except StoreError as error:
            self._failures += 1
            self._schedule_start(f"the data store cannot be started; trying again: {error}")
        else:
            self._note_start()

    def _note_start(self) -> None:
        self.start_at, self._started_s = None, time.monotonic()
        if self._store.process is not None:
            self._run_dir.write_pid("store", self._store.process.pid)

    def _delay_text(self) -> str:
        return f" in {backoff_s(self._failures):g} s; see {self._store.log}" if self._failures > 1 else ""

    def _schedule_start(self, line: str) -> None:
        self.start_at = time.monotonic() + backoff_s(self._failures)
        self._say(line)
