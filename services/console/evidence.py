"""
The newest look at everything, and how old it is.

A page never waits long for a store that is away: it shows what was last seen, and when. A look is taken now and then
even if nobody asks, so that there is something to show.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import redis

from common.clock import Clock
from common.observability.logs import get_logger
from services.console.queries import Seen

FRESH_MS = 1_000
"""A look this new is as good as another one, also one that failed: many pages cost as much as one."""
LOOK_SECONDS_MAX = 3
EVERY_S = 10

FAILURES = (redis.RedisError, OSError, TimeoutError)
"""What a store that is away raises."""

log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """`seen`: None before the first look that succeeded. `away_since_ms`: since the store does not answer, if so."""

    seen: Seen | None
    spooled: int | None
    away_since_ms: int | None


class Evidence:
    """`look` asks the store; `spooled` asks the gateway how many events it keeps, None when it cannot be asked."""

    def __init__(
        self, look: Callable[[], Awaitable[Seen]], spooled: Callable[[], Awaitable[int | None]], clock: Clock
    ) -> None:
        self._look, self._ask_spool, self._clock = look, spooled, clock
        self._seen: Seen | None = None
        self._spooled: int | None = None
        self._away_since_ms: int | None = None
        self._tried_ms = 0
        self._looking = asyncio.Lock()

    async def newest(self) -> Known:
        """What is known, after a new look if the last one is not `FRESH_MS` young."""
        async with self._looking:
            if self._clock.now_ms() - self._tried_ms >= FRESH_MS:
                await self._try()
        return Known(seen=self._seen, spooled=self._spooled, away_since_ms=self._away_since_ms)

    def outdated(self) -> None:
        """Something was changed just now: whoever asks next shall see it."""
        self._tried_ms = 0

    async def keep_looking(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.newest()
            except Exception:  # a mistake of ours: whoever asks is told, and the next look may be all right
                log.exception("background_thread_failed", thread="evidence")
            await asyncio.sleep(EVERY_S)  # noqa: TID251 -- nothing of the schedule depends on who watches it

    async def _try(self) -> None:
        self._tried_ms = self._clock.now_ms()
        # Not one task awaited by another: a task that is cancelled just when it fails would swallow that.
        _, self._spooled = await asyncio.gather(self._try_store(), self._ask_spool())

    async def _try_store(self) -> None:
        try:
            async with asyncio.timeout(LOOK_SECONDS_MAX):
                self._seen = await self._look()
        except FAILURES as error:
            if self._away_since_ms is None:
                self._away_since_ms = self._tried_ms
                log.warning("store_away", error=type(error).__name__)
        else:
            if self._away_since_ms is not None:
                self._away_since_ms = None
                log.info("store_back")
