"""The gauges show the current state of the store."""

from __future__ import annotations

import redis.asyncio
from prometheus_client import REGISTRY

from actors.worker_http import refresh_gauges
from common.ledger import keys
from common.ledger.ledger import Ledger
from common.store.clients import connect_async


async def test_a_scrape_shows_the_store_as_it_is_now(ledger: Ledger, store: redis.asyncio.Redis, now_ms: int) -> None:
    await store.zadd(keys.DEAD, {"ada/step-1": now_ms, "boris/step-3": now_ms})
    await store.hset(keys.COUNTS, mapping={"active": 7})

    await refresh_gauges(ledger)

    assert _gauge("advent_store_up") == 1
    assert _gauge("advent_dead_letters") == 2
    assert _gauge("advent_enrollments", status="active") == 7
    assert _gauge("advent_queue_jobs", queue="send", state="failed") == 0
    assert _gauge("advent_health", aspect="dead", level="needs_person") == 1
    assert _gauge("advent_health", aspect="store", level="broken") == 0


async def test_scrape_during_a_store_outage_fails_nothing_and_shows_the_outage(ledger: Ledger) -> None:
    client = connect_async("redis://127.0.0.1:1")
    await refresh_gauges(Ledger(client, campaign=ledger.campaign, cadence=ledger.cadence, secret_key="s" * 32))
    await client.aclose()

    assert _gauge("advent_store_up") == 0


def _gauge(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)
