"""Processes that share a store share its time, so that a lease or a due time means the same to all of them."""

from __future__ import annotations

import redis.asyncio

from common.clock import Clock, SystemClock
from common.observability.logs import get_logger

SKEW_MAX_MS = 1_000
"""A clock that differs less from the store's is left alone: the request itself takes time."""

log = get_logger(__name__)


async def correct_clock(client: redis.asyncio.Redis, clock: Clock) -> None:
    """
    Set the clock to the store's when they differ by more than a second, and log it.

    Only the machine's clock is corrected, not one of a test or a simulation. Raises `redis.RedisError`.
    """
    if not isinstance(clock, SystemClock):
        return
    seconds, micros = await client.time()
    apart_ms = seconds * 1000 + micros // 1000 - clock.now_ms()
    if abs(apart_ms) > SKEW_MAX_MS:
        clock.offset_ms += apart_ms
        log.warning("clock_corrected", apart_ms=apart_ms)
