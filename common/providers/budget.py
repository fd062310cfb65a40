"""Rate budgets, shared by all workers through the store: so many requests in a window, never more."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

import redis.asyncio

from common.clock import Clock
from common.errors import Throttled
from common.observability.metrics import BUDGET_WAIT_SECONDS

WAIT_MOST_MS = 5_000
"""A longer wait is given back to the schedule: a sleeping worker is no use to anybody else's mail."""

HOLD_MOST_MS = 3_600_000

_SCRIPT = Path(__file__).with_name("budget.lua").read_text()

Sleep = Callable[[float], Awaitable[None]]
"""Takes seconds."""


class Budget(Protocol):
    async def take(self) -> None:
        """Wait for the next slot. Raises `Throttled` with `retry_after_ms` when that is more than 5 s away."""
        ...

    async def push(self, retry_after_ms: int) -> None:
        """The provider asked for patience: no slot before that, an hour at most, for any worker."""
        ...


class Unlimited(Budget):
    """No limit: for one-off commands and for tests of other things."""

    async def take(self) -> None:
        return None

    async def push(self, retry_after_ms: int) -> None:
        return None


class StoreBudget(Budget):
    """
    Never more than `capacity` slots in any half-open window of `window_ms`, over all workers of one store.

    With capacity 1 that is an even spacing; with more, a whole window may be spent in a burst. Slots are handed out in
    the order they are asked for; a clock that is set back frees what was reserved. Both methods raise
    `redis.RedisError` when the store cannot be reached.

    What is bounded are the instants requests leave; on the way they may bunch, so a rare 429 remains possible.
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
        """So many a second, evenly spaced; a fraction means less than one. Raises ValueError for none."""
        if rate <= 0:
            raise ValueError(f"the requests a second of {provider} must be more than 0, not {rate}")
        return cls(client, provider, capacity=1, window_ms=max(1, round(1_000 / rate)), clock=clock)

    @classmethod
    def per_minute(cls, client: redis.asyncio.Redis, provider: str, number: int, *, clock: Clock) -> StoreBudget:
        """So many in any 60 s, also all at once. Raises ValueError for none."""
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
        await self._run("push", self._clock.now_ms() + min(retry_after_ms, HOLD_MOST_MS))

    async def _run(self, verb: str, instant_ms: int) -> tuple[int, int]:
        slot_ms, later_ms = await self._script(
            keys=self._keys, args=[verb, instant_ms, self.capacity, self.window_ms, WAIT_MOST_MS, HOLD_MOST_MS]
        )
        return int(slot_ms), int(later_ms)
