"""What the gauges show is what the store holds."""

from __future__ import annotations

import redis.asyncio
from prometheus_client import REGISTRY

from actors.upkeep.gauges import refresh
from common.ledger import keys
from common.ledger.ledger import Ledger
from common.ledger.reads.store_stats import read_store_stats
from common.store.clients import connect_async

MINUTE_MS = 60_000


async def test_an_empty_store_has_nothing_due_and_nothing_to_worry_about(ledger: Ledger, now_ms: int) -> None:
    found = await read_store_stats(ledger)

    assert (found.due_unsent, found.due_unsent_ms, found.dead, found.workers) == (0, 0, 0, 1)
    assert found.circuits == {}
    assert found.pause is None
    assert found.safe == {"appendonly": True, "appendfsync": True, "disk": True, "noeviction": True}


async def test_a_mail_is_unsent_until_it_has_a_fate_wherever_it_waits(
    ledger: Ledger, store: redis.asyncio.Redis, now_ms: int
) -> None:
    tomorrow = now_ms + 1440 * MINUTE_MS
    await store.zadd(
        keys.delayed("send"), {"ada/step-1": now_ms - MINUTE_MS, "ada/step-2": tomorrow, "boris/step-2": tomorrow}
    )
    ready = f"chen/step-1@{now_ms - 9 * MINUTE_MS}"
    await store.rpush(keys.ready("send"), ready)
    await store.hset(keys.ready("send") + ".msgs", mapping={ready: "{}", f"emeka/step-1@{now_ms}": "{}"})

    found = await read_store_stats(ledger)

    assert found.due_unsent == 3
    assert 9 * MINUTE_MS <= found.due_unsent_ms < 10 * MINUTE_MS
    assert (found.queues["send"].delayed, found.queues["send"].ready) == (3, 2)


async def test_a_worker_that_fell_silent_is_not_alive(ledger: Ledger, store: redis.asyncio.Redis, now_ms: int) -> None:
    await store.zadd(keys.HEARTBEATS, {"w": now_ms - 5_000, "w2": now_ms})

    assert (await read_store_stats(ledger)).workers == 1


async def test_trouble_and_lag_have_ages(ledger: Ledger, store: redis.asyncio.Redis, now_ms: int) -> None:
    await store.hset(
        keys.circuit("resend"), mapping={"until_ms": now_ms + 1000, "since_ms": now_ms - MINUTE_MS, "reason": "connect"}
    )
    await store.hset(keys.circuit("notion"), mapping={"misses": 2})  # failures, but nobody waits
    await store.zadd(keys.CHANGED, {"ada": now_ms - 3 * MINUTE_MS, "boris": now_ms})

    found = await read_store_stats(ledger)

    assert list(found.circuits) == ["resend"]
    assert MINUTE_MS <= found.at_ms - found.circuits["resend"].since_ms < 2 * MINUTE_MS
    assert found.changed == 2
    assert 3 * MINUTE_MS <= found.mirror_lag_ms < 4 * MINUTE_MS


async def test_a_store_that_forgets_is_said_to(ledger: Ledger, store: redis.asyncio.Redis, now_ms: int) -> None:
    await store.config_set("appendfsync", "everysec")
    try:
        assert (await read_store_stats(ledger)).safe["appendfsync"] is False
    finally:
        await store.config_set("appendfsync", "always")


async def test_a_scrape_shows_the_store_as_it_is_now(ledger: Ledger, store: redis.asyncio.Redis, now_ms: int) -> None:
    await store.zadd(keys.DEAD, {"ada/step-1": now_ms, "boris/step-3": now_ms})
    await store.hset(keys.COUNTS, mapping={"active": 7})

    await refresh(ledger)

    assert _gauge("advent_store_up") == 1
    assert _gauge("advent_dead_letters") == 2
    assert _gauge("advent_enrollments", status="active") == 7
    assert _gauge("advent_queue_jobs", queue="send", state="failed") == 0


async def test_a_store_that_is_away_costs_a_scrape_nothing_but_its_gauges(ledger: Ledger) -> None:
    client = connect_async("redis://127.0.0.1:1")
    await refresh(Ledger(client, campaign=ledger.campaign, cadence=ledger.cadence, secret_key="s" * 32))
    await client.aclose()

    assert _gauge("advent_store_up") == 0


def _gauge(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)
