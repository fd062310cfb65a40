"""The thread that promotes what is due, in every worker process."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from common.clock import Clock
from common.queue.lua_broker import Promotion
from common.queue.repeating_thread import RepeatingThread

POLL_MS = 20
"""How late a due job may be noticed at most, because other processes schedule jobs as well."""


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
