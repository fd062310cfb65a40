"""
Decisions on many things at once, one such decision at a time.

Thousands take longer than a browser waits for a page: a task of this process decides them, and the pages say how far it
is. It ends with the process; what is not decided then stays as it is.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from common.clock import Clock
from common.observability.logs import get_logger
from services.web.problem import Problem

WAIT_S: Final = 1.5
"""Most are decided within this, and the next page has the result."""
SHOWN_MS: Final = 10 * 60_000
"""For so long after its end the result of one that took longer is shown."""

log = get_logger(__name__)


@dataclass(slots=True, kw_only=True)
class BulkDecision:
    """
    `what` is done by whom. `total`: of how many, 0 until they are counted; `done`: how many had which outcome.

    `has_failed`: it stopped before its end, as the log says.
    """

    what: str
    by: str
    total: int = 0
    done: Counter[str] = field(default_factory=Counter)
    ended_ms: int | None = None
    has_failed: bool = False

    @property
    def decided(self) -> int:
        return self.done.total()


class BulkDecisions:
    """The one that runs, or ran last."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._newest: BulkDecision | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_slow = False

    def shown(self) -> BulkDecision | None:
        """One that runs, or that ended a short time ago without anybody waiting for its result."""
        newest = self._newest
        if newest is None or newest.ended_ms is None:
            return newest
        return newest if self._is_slow and self._clock.now_ms() - newest.ended_ms < SHOWN_MS else None

    async def run(
        self, decision: BulkDecision, decide: Callable[[BulkDecision], Awaitable[None]], *, wait_s: float | None
    ) -> BulkDecision:
        """
        Begin it, and wait for its end, for `wait_s` if that is not None.

        Raises what `decide` raises meanwhile, and Problem 409 while another one runs.
        """
        if self._task is not None and not self._task.done():
            raise Problem(409, "Another decision on many is under way: wait for its end.", title="One at a time")
        self._newest, self._is_slow = decision, False
        task = self._task = asyncio.create_task(self._decide(decision, decide), name="bulk_decision")
        task.add_done_callback(_retrieve)
        await asyncio.wait({task}, timeout=wait_s)
        if task.done():
            task.result()
        else:
            self._is_slow = True
        return decision

    async def stop(self) -> None:
        """What was decided is recorded before it ends."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=1)

    async def _decide(self, decision: BulkDecision, decide: Callable[[BulkDecision], Awaitable[None]]) -> None:
        try:
            await decide(decision)
        except Exception as error:
            decision.has_failed = True
            log.warning("bulk_decision_failed", what=decision.what, number=decision.decided, error=type(error).__name__)
            raise
        finally:
            decision.ended_ms = self._clock.now_ms()


def _retrieve(task: asyncio.Task[None]) -> None:
    """What it raised is in the log already."""
    if not task.cancelled():
        task.exception()


def numbers_in_words(query: Mapping[str, str], outcomes: Mapping[str, str]) -> str:
    """The result of a decision that a link carries, as `?requeued=3`; "" without one. `outcomes`: in words."""
    numbers = [(query.get(name, ""), what) for name, what in outcomes.items()]
    parts = [f"{int(number):,} {what}" for number, what in numbers if number.isdecimal() and len(number) < 10]
    return "; ".join(parts) + "." if parts else ""
