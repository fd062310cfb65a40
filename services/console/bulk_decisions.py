"""
Decisions on many items at once; only one such decision runs at a time.

Thousands of items take longer than a browser waits for a page. A task of this process therefore decides them, and the
pages show its progress. The task ends with the process; items that are not decided by then stay unchanged.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from common.clock import Clock
from common.observability.logs import get_logger
from services.console.notice import Notice
from services.web.problem import Problem

WAIT_S: Final = 1.5
"""How long a request waits for the end. Most decisions end within it, and the next page shows the result."""
SHOWN_MS: Final = 10 * 60_000
"""How long the pages show the result of a decision that took longer."""

log = get_logger(__name__)


@dataclass(slots=True, kw_only=True)
class BulkDecision:
    """
    A decision on many items, and its progress.

    `what`: the action; `by`: the user. `total`: number of items, 0 until they are counted; `done`: number of items by
    outcome. `has_failed`: it stopped before its end, for a reason that is in the log.
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
    """Runs one decision at a time and remembers the newest."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._newest: BulkDecision | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_slow = False

    def shown(self) -> BulkDecision | None:
        """Return the running decision, or one that outlasted its request and ended less than SHOWN_MS ago."""
        newest = self._newest
        if newest is None or newest.ended_ms is None:
            return newest
        return newest if self._is_slow and self._clock.now_ms() - newest.ended_ms < SHOWN_MS else None

    async def run(
        self, decision: BulkDecision, decide: Callable[[BulkDecision], Awaitable[None]], *, wait_s: float | None
    ) -> BulkDecision:
        """
        Start a decision and wait for its end, at most `wait_s`; None: without limit.

        Raises errors that `decide` raises during the wait, and Problem 409 while another decision is running.
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
        """Cancel the running decision, and wait until it has recorded the items that it decided."""
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
    """Retrieve the task's exception, which is logged already, so that asyncio does not report it again."""
    if not task.cancelled():
        task.exception()


def notice_of_numbers(query: Mapping[str, str], outcomes: Mapping[str, str]) -> Notice | None:
    """
    Return the result that a URL has, as in `?requeued=3`; None without one.

    `outcomes`: texts by name; nothing was done to items whose outcome is `gone`.
    """
    numbers = {name: number for name in outcomes if (number := query.get(name, "")).isdecimal() and len(number) < 10}
    if not numbers:
        return None
    parts = [f"{int(number):,} {outcomes[name]}" for name, number in numbers.items()]
    return Notice("; ".join(parts) + ".", is_done=numbers.keys() != {"gone"})
