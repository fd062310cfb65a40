"""The two threads of a worker process: one moves what is due, the other says that we live and sees who does not."""

from __future__ import annotations

from threading import Event, Thread
from typing import TYPE_CHECKING

import redis

from common.observability.logs import get_logger
from common.queue.rescue import rescue
from common.store.errors import is_passing

if TYPE_CHECKING:
    from common.queue.broker import DurableRedisBroker

log = get_logger(__name__)

TICK_MS = 20
"""How late a message may be noticed, at most."""
RETRY_S = 0.2
"""Between two tries to reach a store that is away."""


class RepeatingThread:
    """A thread that calls `turn` again and again, each time after as many seconds as it answered."""

    name: str

    def __init__(self, broker: DurableRedisBroker) -> None:
        self.broker = broker
        self._stop = Event()
        self._thread: Thread | None = None
        self._fault = ""

    def turn(self) -> float:
        raise NotImplementedError

    def start(self) -> None:
        if self._thread is not None:
            return
        self._stop.clear()
        self._thread = Thread(target=self._run, name=self.name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Waits for the turn in progress."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        pause_s = 0.0
        while not self._stop.wait(pause_s):
            try:
                pause_s = self.turn()
            except redis.RedisError as error:
                self._say(error)
                pause_s = RETRY_S
            except Exception:  # Without this thread the process looks dead, or nothing is ever due.
                log.exception("background_thread_failed", thread=self.name)
                pause_s = 1.0
            else:
                self._recovered()

    def _say(self, error: redis.RedisError) -> None:
        # Once for each kind of trouble, not five times a second.
        if type(error).__name__ != self._fault:
            self._fault = type(error).__name__
            log.warning("store_away", thread=self.name, error=self._fault, detail=str(error))

    def _recovered(self) -> None:
        if self._fault:
            self._fault = ""
            log.info("store_back", thread=self.name)


class Scheduler(RepeatingThread):
    """Moves what is due to the ready queues, whoever scheduled it, and wakes the consumers of this process."""

    name = "scheduler"

    def turn(self) -> float:
        """Seconds until the next turn: until the next instant, or 20 ms, since others write to these queues too."""
        due = [p.next_due_ms for p in self.broker.promote() if p.next_due_ms is not None]
        if not due:
            return TICK_MS / 1000
        return max(0, min(TICK_MS, min(due) - self.broker.clock.now_ms())) / 1000


class Heartbeat(RepeatingThread):
    """
    Says each half second that this worker lives, and takes over from those who have been silent too long.

    While the store is away everybody is silent, and nobody is dead. So a worker judges others only after it has itself
    been heard for one whole silence without a gap; and a new one, only if the store has been up for so long.
    """

    name = "heartbeat"
    _may_judge_ms: int | None = None

    def start(self) -> None:
        self._may_judge_ms = None
        super().start()

    def turn(self) -> float:
        silence_ms: int = self.broker.heartbeat_timeout
        now, before = self.broker.do_beat("")
        now_ms, before_ms = int(now), None if before is None else int(float(before))
        if self._may_judge_ms is None:
            self._may_judge_ms = now_ms + (0 if self._store_is_up_for(silence_ms) else silence_ms)
        elif before_ms is None or now_ms - before_ms > silence_ms / 2:
            self._may_judge_ms = now_ms + silence_ms
        if now_ms >= self._may_judge_ms:
            rescue(self.broker, silence_ms)
        return max(silence_ms / 6, 10) / 1000

    def _store_is_up_for(self, ms: int) -> bool:
        try:
            uptime_s = self.broker.client.info("server")["uptime_in_seconds"]
        except (redis.RedisError, KeyError) as error:
            if is_passing(error):
                raise
            return True  # A store that does not tell: then a silence is a silence.
        return bool((uptime_s - 1) * 1000 >= ms)  # It counts whole seconds.
