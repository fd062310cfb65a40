"""
The newest snapshot of the store and the gateway's status, and how old they are.

A page never waits long for a store that does not answer: it shows the last snapshot with its age. A snapshot is taken
now and then even if nobody asks, so that there is one to show.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import aiohttp
import redis

from common.clock import Clock
from common.gateway_status import GatewayStatus
from common.observability.logs import get_logger
from services.console.status.store_snapshot import StoreSnapshot

FRESH_MS = 1_000
"""A snapshot this new is not taken again, nor is one that failed: many viewers cost as much as one."""
STORE_SECONDS_MAX = 3
GATEWAY_SECONDS_MAX = 2
"""Longer than the gateway waits for a store that hangs: just then the number of spooled events matters."""
EVERY_S = 10

STORE_FAILURES = (redis.RedisError, OSError, TimeoutError)
"""What the client raises when the store does not answer."""

log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """
    `snapshot`: None before the first one. `gateway`: None when it runs elsewhere or does not answer. `away_since_ms`:
    since when the store has not answered; None while it does.
    """

    snapshot: StoreSnapshot | None
    gateway: GatewayStatus | None
    away_since_ms: int | None


class StatusCache:
    """`read_store` raises one of STORE_FAILURES when the store does not answer; `read_gateway` never raises."""

    def __init__(
        self,
        read_store: Callable[[], Awaitable[StoreSnapshot]],
        read_gateway: Callable[[], Awaitable[GatewayStatus | None]],
        clock: Clock,
    ) -> None:
        self._read_store, self._read_gateway, self._clock = read_store, read_gateway, clock
        self._snapshot: StoreSnapshot | None = None
        self._gateway: GatewayStatus | None = None
        self._away_since_ms: int | None = None
        self._tried_ms = 0
        self._refreshing = asyncio.Lock()

    async def newest(self) -> Status:
        """What is known, refreshed if the last attempt is FRESH_MS or more ago."""
        async with self._refreshing:
            if self._clock.now_ms() - self._tried_ms >= FRESH_MS:
                await self._refresh()
        return Status(snapshot=self._snapshot, gateway=self._gateway, away_since_ms=self._away_since_ms)

    def invalidate(self) -> None:
        """Something was changed just now: the next page must show it."""
        self._tried_ms = 0

    async def keep_current(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.newest()
            except Exception:  # an internal error: each page reports it too, and the next attempt may succeed
                log.exception("background_thread_failed", thread="status_cache")
            await asyncio.sleep(EVERY_S)  # noqa: TID251 -- no delivery depends on who watches

    async def _refresh(self) -> None:
        self._tried_ms = self._clock.now_ms()
        # Not one task awaited by another: a task that is cancelled just when it fails would swallow that.
        _, self._gateway = await asyncio.gather(self._refresh_snapshot(), self._read_gateway())

    async def _refresh_snapshot(self) -> None:
        try:
            async with asyncio.timeout(STORE_SECONDS_MAX):
                self._snapshot = await self._read_store()
        except STORE_FAILURES as error:
            if self._away_since_ms is None:
                self._away_since_ms = self._tried_ms
                log.warning("store_away", error=type(error).__name__)
        else:
            if self._away_since_ms is not None:
                self._away_since_ms = None
                log.info("store_back")


async def read_gateway_status(url: str) -> GatewayStatus | None:
    """From its `/ready`; None for a gateway that runs elsewhere or does not answer."""
    timeout = aiohttp.ClientTimeout(total=GATEWAY_SECONDS_MAX)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as http, http.get(f"{url}/ready") as response:
            return GatewayStatus.read(await response.json())
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
        return None
