"""The thread that keeps a worker process among the living, and rescues the messages of dead ones."""

from __future__ import annotations

from common.queue.lua_broker import LuaBroker
from common.queue.repeating_thread import RepeatingThread
from common.queue.rescue import rescue
from common.store.errors import STORE_ERRORS, is_transient


class Heartbeat(RepeatingThread):
    """
    Sends a heartbeat six times in a timeout, and rescues from workers without one for longer than the timeout.

    A worker declares others dead only after its own heartbeat has been accepted for a full timeout without a gap; a new
    worker, only if the store has been up for as long. A store outage therefore never looks like dead workers.
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
        elif before_ms is None or now_ms - before_ms > timeout_ms / 2:
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
            return True  # A store that does not say: then a missing heartbeat is a dead worker.
        return bool((uptime_s - 1) * 1000 >= ms)  # It counts whole seconds.
