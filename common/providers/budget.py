"""Rate budgets: at most a number of requests in a window, shared by all workers through the store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

import redis.asyncio

from common.clock import Clock
from common.errors import Throttled
from common.observability.logs import get_logger
from common.observability.metrics import BUDGET_WAIT_SECONDS, WAITS_IGNORED

log = get_logger(__name__)

WAIT_MAX_MS = 5_000
"""The longest wait in a job. A longer one becomes a deferral, because a worker that sleeps sends no other mail."""

HOLD_MAX_MS = 3_600_000
CALENDAR_REQUESTS_PER_MINUTE = 60
"""Half of what Cal.com allows for a key, because other programs may use the same one."""

_SCRIPT = Path(__file__).with_name("budget.lua").read_text()

Sleep = Callable[[float], Awaitable[None]]
"""A function that waits for a number of seconds."""


class Budget(Protocol):
    async def take(self) -> None:
        """Wait for the next slot. Raises `Throttled` with `retry_after_ms` when that is more than 5 s away."""
        ...

    async def push(self, retry_after_ms: int) -> None:
        """Give no slot to any worker for this time, an hour at most, because the provider requested it."""
        ...


class Unlimited(Budget):
    """A budget without a limit, for single commands and for tests of other things."""

    async def take(self) -> None:
        return None

    async def push(self, retry_after_ms: int) -> None:
        return None


class StoreBudget(Budget):
    """
    At most `capacity` slots in any half-open window of `window_ms`, for all workers of one store together.

    With capacity 1 slots are evenly spaced; with more, all slots of a window may be used in a burst. Slots are given in
    the order of the requests for them. A clock that is set back frees the reserved slots. `take` and `push` raise
    `redis.RedisError` when the store cannot be reached.

    The limit applies to the times at which requests are sent. They may arrive closer together, so a rare 429 is
    possible.
    """

    def __init__(
        self,
        client: redis.asyncio.Redis,
        provider: str,
        *,
        capacity: int,
        window_ms: int,
        clock: Clock,
        sleep: Sleep = asyncio.sleep,  # noqa: TID251 -- a budget is one of the two places that wait
    ) -> None:
        if capacity < 1 or window_ms < 1:
            raise ValueError(f"the budget of {provider} must allow requests: {capacity} in {window_ms} ms")
        self.provider, self.capacity, self.window_ms = provider, capacity, window_ms
        self._clock, self._sleep = clock, sleep
        self._keys = [f"{{advent}}:budget:{provider}", f"{{advent}}:budget:{provider}:after"]
        self._script = client.register_script(_SCRIPT)

    @classmethod
    def per_second(cls, client: redis.asyncio.Redis, provider: str, rate: float, *, clock: Clock) -> StoreBudget:
        """Return a budget of `rate` evenly spaced requests a second, also below 1. Raises ValueError for 0 or less."""
        if rate <= 0:
            raise ValueError(f"the requests a second of {provider} must be more than 0, not {rate}")
        return cls(client, provider, capacity=1, window_ms=max(1, round(1_000 / rate)), clock=clock)

    @classmethod
    def per_minute(cls, client: redis.asyncio.Redis, provider: str, number: int, *, clock: Clock) -> StoreBudget:
        """Return a budget of `number` requests in any 60 s, possibly all at once. Raises ValueError for 0 or less."""
        return cls(client, provider, capacity=number, window_ms=60_000, clock=clock)

    async def take(self) -> None:
        now_ms = self._clock.now_ms()
        slot_ms, later_ms = await self._run("take", now_ms)
        if later_ms:
            raise Throttled("budget", f"{self.provider}'s budget is spent", retry_after_ms=max(1, later_ms - now_ms))
        if slot_ms > now_ms:
            wait_s = (slot_ms - now_ms) / 1_000
            BUDGET_WAIT_SECONDS.labels(self.provider).inc(wait_s)
            await self._sleep(wait_s)

    async def push(self, retry_after_ms: int) -> None:
        await self._run("push", self._clock.now_ms() + min(retry_after_ms, HOLD_MAX_MS))

    async def _run(self, verb: str, instant_ms: int) -> tuple[int, int]:
        slot_ms, later_ms, ignored = await self._script(
            keys=self._keys, args=[verb, instant_ms, self.capacity, self.window_ms, WAIT_MAX_MS, HOLD_MAX_MS]
        )
        if ignored:
            WAITS_IGNORED.labels("budget").inc(ignored)
            log.warning("waits_ignored", what="budget", provider=self.provider, number=ignored)
        return int(slot_ms), int(later_ms)
