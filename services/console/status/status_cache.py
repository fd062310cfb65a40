"""
A cache of the newest snapshot of the store and of the gateway's status.

A page does not wait long for a store that does not answer; it shows the last snapshot with its age. A snapshot is also
taken regularly without requests, so that a recent one exists when the store goes away.
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
"""A new snapshot is attempted at most this often, so that many viewers cost the store no more than one."""
STORE_SECONDS_MAX = 3
GATEWAY_SECONDS_MAX = 2
"""Longer than the gateway waits for a store that hangs, because the number of spooled events matters just then."""
EVERY_S = 10

STORE_FAILURES = (redis.RedisError, OSError, TimeoutError)
"""What the client raises when the store does not answer."""

log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """
    The last known state.

    `snapshot`: None before the first one. `gateway`: None if the gateway runs elsewhere or does not answer.
    `away_since_ms`: since when the store has not answered; None while it answers.
    """

    snapshot: StoreSnapshot | None
    gateway: GatewayStatus | None
    away_since_ms: int | None


class StatusCache:
    """
    Reads and caches the status.

    `read_store` raises one of STORE_FAILURES when the store does not answer; `read_gateway` never raises.
    """

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
        """Return the status, after a refresh if the last attempt was at least FRESH_MS ago."""
        async with self._refreshing:
            if self._clock.now_ms() - self._tried_ms >= FRESH_MS:
                await self._refresh()
        return Status(snapshot=self._snapshot, gateway=self._gateway, away_since_ms=self._away_since_ms)

    def invalidate(self) -> None:
        """Make the next call of `newest` refresh, so that the next page shows a change that was just made."""
        self._tried_ms = 0

    async def keep_current(self) -> None:
        """Refresh every EVERY_S until cancelled."""
        while True:
            try:
                await self.newest()
            except Exception:  # an internal error: pages report it too, and the next attempt may succeed
                log.exception("background_thread_failed", thread="status_cache")
            await asyncio.sleep(EVERY_S)  # noqa: TID251 -- no delivery depends on who watches

    async def _refresh(self) -> None:
        self._tried_ms = self._clock.now_ms()
        # Both run as siblings. If one task awaited the other, a cancellation at the moment of a failure could get lost.
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
    """Read the status from the gateway's `/ready`; None if the gateway runs elsewhere or does not answer."""
    timeout = aiohttp.ClientTimeout(total=GATEWAY_SECONDS_MAX)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as http, http.get(f"{url}/ready") as response:
            return GatewayStatus.read(await response.json())
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
        return None
