"""The embedded store, started again when it has ended; a full disk ends it, and must not end everything else."""

from __future__ import annotations

import time
from collections.abc import Callable

from common.store.embedded import EmbeddedStore
from common.store.errors import StoreError
from services.supervisor.child import STEADY_S, backoff_s
from services.supervisor.house import House


class Revival:
    """`tend` as often as you like; `start_at` says when it is due (monotonic seconds), None while the store runs."""

    def __init__(self, store: EmbeddedStore, house: House, *, say: Callable[[str], None]) -> None:
        """The store has just been started."""
        self.start_at: float | None = None
        self._store, self._house, self._say = store, house, say
        self._failures = 0
        self._began()

    def tend(self) -> None:
        """Start it if it has ended and its time has come: at once if it had lived for 30 s, else later each time."""
        if self._store.is_running:
            return
        now = time.monotonic()
        if self.start_at is None:
            self._failures = 1 if now - self._born > STEADY_S else self._failures + 1
            self._wait(f"the data store ended; starting it again{self._where()}")
        elif now >= self.start_at:
            self._start()

    def _start(self) -> None:
        try:
            self._store.launch()
        except StoreError as error:
            self._failures += 1
            self._wait(f"the data store cannot be started; trying again: {error}")
        else:
            self._began()

    def _began(self) -> None:
        self.start_at, self._born = None, time.monotonic()
        if self._store.process is not None:
            self._house.write_pid("store", self._store.process.pid)

    def _where(self) -> str:
        return f" in {backoff_s(self._failures):g} s; see {self._store.log}" if self._failures > 1 else ""

    def _wait(self, why: str) -> None:
        self.start_at = time.monotonic() + backoff_s(self._failures)
        self._say(why)
