"""Plans of the mail that resuming all contacts or a campaign would send. The schedule shows them during a pause."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import Final

from common.clock import Clock
from common.ledger.ledger import Ledger
from common.ledger.pauses import EVERYBODY, Pause
from common.ledger.reads.catch_up_plan import Plan, plan_for_all

KEPT_MS: Final = 15_000


class ResumePlans:
    """
    Computes and caches plans.

    A plan reads everything that is overdue, so it is cached for KEPT_MS and shared by all viewers. A new pause gets a
    new plan.
    """

    def __init__(self, ledger: Ledger, clock: Clock, *, per_second: float) -> None:
        self._ledger, self._clock, self._per_second = ledger, clock, per_second
        self._newest: dict[str, tuple[Pause, Plan]] = {}
        self._reading: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def of(self, scope: str, pause: Pause) -> Plan:
        """Return the plan. `scope`: EVERYBODY, or a campaign's key; `pause`: the pause now active there."""
        async with self._reading[scope]:
            now_ms = self._clock.now_ms()
            known, plan = self._newest.get(scope, (None, None))
            if plan is None or known != pause or now_ms - plan.now_ms >= KEPT_MS:
                campaign = None if scope == EVERYBODY else scope
                plan = await plan_for_all(self._ledger, now_ms=now_ms, per_second=self._per_second, campaign=campaign)
                self._newest[scope] = (pause, plan)
            return plan
