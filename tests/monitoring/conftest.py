from __future__ import annotations

import pytest
import redis.asyncio

from common.domain.cadence import Cadence
from common.ledger import keys
from common.ledger.ledger import Ledger

MINUTE_MS = 60_000


@pytest.fixture
async def ledger(store: redis.asyncio.Redis) -> Ledger:
    cadence = Cadence(tuple(day * 86_400_000 for day in (0, 1, 3, 5, 7, 9, 11)), 12 * 3_600_000)
    return Ledger(store, campaign="christmas_2025", cadence=cadence, secret_key="s" * 32)


@pytest.fixture
async def now_ms(store: redis.asyncio.Redis) -> int:
    """Return the store's time, because ages are measured by its clock; also add a worker with a valid heartbeat."""
    seconds, micros = await store.time()
    await store.zadd(keys.HEARTBEATS, {"w": seconds * 1000 + 60_000})
    return int(seconds * 1000 + micros // 1000)
