"""
Plans of new versions, computed in the background.

A plan reads all enrolled contacts, which takes some seconds for 10,000.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from common.background import BackgroundTasks
from common.campaigns.campaign import Campaign
from common.clock import Clock
from common.domain.cadence import Pace
from common.ledger.ledger import Ledger
from common.versions.in_force import read_plan
from common.versions.plan import Plan

PAGE_WAIT_S = 1.5
"""How long a page waits for a plan before it shows the progress instead."""
KEPT_S = 30.0


@dataclass(slots=True, kw_only=True)
class PlanCount:
    """A plan and its progress. `people`: contacts read so far. `plan`: None until all have been read."""

    people: int = 0
    plan: Plan | None = None
    failed: bool = False
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    ended_s: float = 0.0


_Key = tuple[str, str, str, bool]


class PlanCounts:
    """Computes each plan once for all viewers, and keeps one that took longer than a page waits for KEPT_S."""

    def __init__(self, ledger: Ledger, pace: Pace, clock: Clock, *, page_wait_s: float = PAGE_WAIT_S) -> None:
        self._ledger, self._pace, self._clock, self._page_wait_s = ledger, pace, clock, page_wait_s
        self._counts: dict[_Key, PlanCount] = {}
        self._background = BackgroundTasks()

    async def of(self, source: Campaign, target: Campaign, *, send_late: bool = False) -> PlanCount:
        """Return the count after a short wait. Why a count failed is in the log."""
        self._forget_old()
        key = (target.key, source.version, target.version, send_late)
        is_new = key not in self._counts
        count = self._counts.setdefault(key, PlanCount())
        if is_new:
            self._background.start([self._count(count, source, target, send_late=send_late)])
        try:
            await asyncio.wait_for(count.ended.wait(), self._page_wait_s)
        except TimeoutError:
            return count
        if is_new or count.failed:
            self._counts.pop(key, None)
        return count

    async def stop(self) -> None:
        await self._background.stop()

    async def _count(self, count: PlanCount, source: Campaign, target: Campaign, *, send_late: bool) -> None:
        def on_person() -> None:
            count.people += 1

        try:
            count.plan = await read_plan(
                self._ledger,
                source,
                target,
                self._pace,
                now_ms=self._clock.now_ms(),
                send_late=send_late,
                on_person=on_person,
            )
        finally:
            count.failed = count.plan is None
            count.ended_s = asyncio.get_running_loop().time()
            count.ended.set()

    def _forget_old(self) -> None:
        now_s = asyncio.get_running_loop().time()
        old = [key for key, one in self._counts.items() if one.ended.is_set() and one.ended_s < now_s - KEPT_S]
        for key in old:
            del self._counts[key]
