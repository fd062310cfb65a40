"""One time for all: whoever shares a store keeps its clock with the store's."""

from __future__ import annotations

from common.clock import Clock, SystemClock
from common.ledger.ledger import Ledger
from common.observability.logs import get_logger

SKEW_MS = 1_000
"""A clock further from the store's than this is corrected; less is no more than the way there and back."""

log = get_logger(__name__)


async def calibrate(ledger: Ledger, clock: Clock) -> None:
    """
    Correct the clock to the store's when they disagree by more than a second, and say so.

    Only the machine's clock is corrected; one that somebody moves by hand stays his. Raises `redis.RedisError`.
    """
    if not isinstance(clock, SystemClock):
        return
    seconds, micros = await ledger.client.time()
    apart_ms = seconds * 1000 + micros // 1000 - clock.now_ms()
    if abs(apart_ms) > SKEW_MS:
        clock.offset_ms += apart_ms
        log.warning("clock_corrected", apart_ms=apart_ms)
