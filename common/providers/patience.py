"""Waiting for a budget, or for a provider that is away; for callers that have nothing else to do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from common.errors import Throttled, Transient
from common.providers.budget import Budget, Sleep

TRIES = 6
PAUSE_S = 1.0

_sleep: Sleep = asyncio.sleep  # noqa: TID251 -- a command has no schedule

Answer = TypeVar("Answer")


class PatientBudget(Budget):
    """A budget that waits for a slot as long as necessary, instead of raising `Throttled`."""

    def __init__(self, budget: Budget, *, sleep: Sleep = _sleep) -> None:
        self._budget, self._sleep = budget, sleep

    async def take(self) -> None:
        while True:
            try:
                return await self._budget.take()
            except Throttled as wait:
                await self._sleep(wait.retry_after_ms / 1000)

    async def push(self, retry_after_ms: int) -> None:
        await self._budget.push(retry_after_ms)


async def retry_patiently(ask: Callable[[], Awaitable[Answer]], *, tries: int = TRIES, sleep: Sleep = _sleep) -> Answer:
    """
    Return the answer to a request that changes nothing; repeat it while the provider throttles or is briefly away.

    Raises the last `Transient` after `tries` of them, with a pause that doubles each time; other failures at once.
    """
    missed = 0
    while True:
        try:
            return await ask()
        except Throttled as wait:
            await sleep(wait.retry_after_ms / 1000)
        except Transient:
            missed += 1
            if missed >= tries:
                raise
            await sleep(PAUSE_S * 2 ** (missed - 1))
