"""The background threads of a worker process: the heartbeat, which also rescues messages, and the scheduler."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Event, Thread

from common.clock import Clock
from common.observability.logs import get_logger
from common.queue.lua_broker import LuaBroker, Promotion
from common.queue.rescue import rescue
from common.store.errors import STORE_ERRORS, is_transient
from common.store.retry import OutageLog

log = get_logger(__name__)

STORE_RETRY_S = 0.2
FAULT_RETRY_S = 1.0


class RepeatingThread:
    """A thread that calls `run_once` again and again; each call returns the seconds to wait before the next one."""

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
        """Stop the thread, after the call in progress."""
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
            except Exception:  # Without this thread the process would look dead, or no job would become ready.
                log.exception("background_thread_failed", thread=self.name)
                pause_s = FAULT_RETRY_S
            else:
                self._outage.answered()


class Heartbeat(RepeatingThread):
    """
    Sends six heartbeats in each timeout, and rescues the messages of workers that sent none for a full timeout.

    A worker declares others dead only after its own heartbeat has been accepted for a full timeout without a gap. A new
    worker need not wait if the store has been up for as long. Therefore neither a store outage nor a change of the
    store's clock looks like dead workers.
    """

    name = "heartbeat"

    def __init__(self, broker: LuaBroker) -> None:
        super().__init__()
        self._broker = broker
        self._may_rescue_ms: int | None = None

    def start(self) -> None:
        self._may_rescue_ms = None
        super().start()

    def run_once(self) -> float:
        timeout_ms: int = self._broker.heartbeat_timeout
        now, before = self._broker.do_heartbeat("")
        now_ms, before_ms = int(now), None if before is None else int(float(before))
        if self._may_rescue_ms is None:
            self._may_rescue_ms = now_ms + (0 if self._store_is_up_for(timeout_ms) else timeout_ms)
        elif before_ms is None or abs(now_ms - before_ms) > timeout_ms / 2:
            self._may_rescue_ms = now_ms + timeout_ms
        if now_ms >= self._may_rescue_ms:
            rescue(self._broker, timeout_ms)
        return max(timeout_ms / 6, 10) / 1000

    def _store_is_up_for(self, ms: int) -> bool:
        try:
            uptime_s = self._broker.client.info("server")["uptime_in_seconds"]
        except (*STORE_ERRORS, KeyError) as error:
            if is_transient(error):
                raise
            return True  # The store does not report its uptime: a missing heartbeat then means a dead worker.
        return bool((uptime_s - 1) * 1000 >= ms)  # The uptime is in whole seconds.


POLL_MS = 20
"""The most that a due job is noticed late. Polling is needed because other processes schedule jobs as well."""


class Scheduler(RepeatingThread):
    """Calls `promote` every 20 ms, and exactly when the next job that it knows of is due."""

    name = "scheduler"

    def __init__(self, promote: Callable[[], Sequence[Promotion]], clock: Callable[[], Clock]) -> None:
        super().__init__()
        self._promote, self._clock = promote, clock

    def run_once(self) -> float:
        due = [promotion.next_due_ms for promotion in self._promote() if promotion.next_due_ms is not None]
        if not due:
            return POLL_MS / 1000
        return max(0, min(POLL_MS, min(due) - self._clock().now_ms())) / 1000
