"""A thread of a worker process that does one thing again and again, also while the store is away."""

from __future__ import annotations

from threading import Event, Thread

from common.observability.logs import get_logger
from common.store.errors import STORE_ERRORS
from common.store.retry import OutageLog

log = get_logger(__name__)

STORE_RETRY_S = 0.2
FAULT_RETRY_S = 1.0


class RepeatingThread:
    """Calls `run_once`, each time after as many seconds as the last call returned."""

    name: str

    def __init__(self) -> None:
        self._stop = Event()
        self._thread: Thread | None = None
        self._outage = OutageLog(thread=self.name)

    def run_once(self) -> float:
        raise NotImplementedError

    def start(self) -> None:
        if self._thread is not None:
            return
        self._stop.clear()
        self._thread = Thread(target=self._run, name=self.name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Waits for the call in progress."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        pause_s = 0.0
        while not self._stop.wait(pause_s):
            try:
                pause_s = self.run_once()
            except STORE_ERRORS as error:
                self._outage.failed(error)
                pause_s = STORE_RETRY_S
            except Exception:  # Without this thread the process looks dead, or nothing is ever due.
                log.exception("background_thread_failed", thread=self.name)
                pause_s = FAULT_RETRY_S
            else:
                self._outage.answered()
