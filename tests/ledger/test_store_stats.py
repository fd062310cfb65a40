"""The exact figures about the whole store that status, console, metrics and health checks read."""

from __future__ import annotations

import pytest

from common.clock import VirtualClock
from common.domain.campaign_terms import CampaignTerms
from common.domain.contact import Assessment
from common.ledger import keys
from common.ledger.ledger import Ledger
from common.ledger.pauses import Pause, campaign_scope
from common.ledger.reads.queue_stats import QueueStats
from common.ledger.reads.store_stats import OpenCircuit, StoreStats, read_store_stats
from tests.ledger.test_transitions import ADA, enrolled, send

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS


@pytest.fixture
def now(clock: VirtualClock) -> int:
    return clock.now_ms()


async def read(ledger: Ledger, now: int) -> StoreStats:
    return await read_store_stats(ledger, now_ms=now)


async def store_ms(ledger: Ledger) -> int:
    seconds, micros = await ledger.client.time()
    return seconds * 1000 + micros // 1000


async def test_an_empty_store_has_nothing_due(ledger: Ledger, now: int) -> None:
    stats = await read(ledger, now)

    assert (stats.due_unsent, stats.due_unsent_ms, stats.dead_letters, stats.circuits) == (0, 0, 0, {})
    assert (stats.pause, stats.paused_contacts, stats.mirror_lag_ms) == (None, 0, 0)
    assert stats.durability == {"appendonly": True, "appendfsync": True, "disk": True, "noeviction": True}


async def test_due_deliveries_are_counted_by_hour_and_day_and_overdue_ones_separately(ledger: Ledger, now: int) -> None:
    due = (-1, 0, HOUR_MS, HOUR_MS + 1, 24 * HOUR_MS, 24 * HOUR_MS + 1)
    await ledger.client.zadd(keys.delayed("send"), {f"enr_{n}/step-1": now + after for n, after in enumerate(due)})

    stats = await read(ledger, now)

    assert (stats.overdue, stats.due_next_hour, stats.due_next_day) == (1, 2, 4)


async def test_a_job_is_counted_once_wherever_it_waits(ledger: Ledger, now: int) -> None:
    tomorrow, ready = now + 24 * HOUR_MS, f"chen/step-1@{now - 9 * MINUTE_MS}"
    schedule = {"ada/step-1": now - MINUTE_MS, "ada/step-2": tomorrow, "boris/step-2": tomorrow}
    await ledger.client.zadd(keys.delayed("send"), schedule)
    await ledger.client.rpush(keys.ready("send"), ready)
    await ledger.client.hset(keys.ready("send") + ".msgs", mapping={ready: "{}", f"emeka/step-1@{now}": "{}"})
    await ledger.client.zadd(keys.ready("send") + ".XQ", {"goran/step-1": now})

    stats = await read(ledger, now)

    assert stats.queues["send"] == QueueStats(
        scheduled=2, due=1, ready=1, in_flight=1, failed=1, oldest_ms=9 * MINUTE_MS
    )
    assert (stats.due_unsent, stats.due_unsent_ms) == (3, 9 * MINUTE_MS)


async def test_a_message_without_a_due_time_is_no_older_than_now(ledger: Ledger, now: int) -> None:
    await ledger.client.rpush(keys.ready("announce"), "a message that was sent without a delay")

    assert (await read(ledger, now)).queues["announce"].oldest_ms == 0


async def test_mirror_lag_is_the_age_of_the_oldest_change(ledger: Ledger, now: int) -> None:
    await ledger.client.zadd(keys.CHANGED, {"a": now - 5_000, "b": now - 9_000, "c": now})

    stats = await read(ledger, now)

    assert (stats.mirror_behind, stats.mirror_lag_ms) == (3, 9_000)


async def test_a_worker_is_alive_for_four_seconds_after_its_heartbeat_by_the_stores_clock(
    ledger: Ledger, now: int
) -> None:
    beat_ms = await store_ms(ledger)
    await ledger.client.delete(keys.HEARTBEATS)
    beats = {"ahead": beat_ms + 30_000, "now": beat_ms, "silent": beat_ms - 4_001, "set back": beat_ms + HOUR_MS}
    await ledger.client.zadd(keys.HEARTBEATS, beats)

    stats = await read(ledger, now)

    assert {worker.id: worker.is_alive for worker in stats.workers} == {
        "ahead": True,
        "now": True,
        "silent": False,
        "set back": False,
    }
    assert stats.workers_alive == 2


@pytest.mark.parametrize("provider", ["resend", "notion", "calcom"])
async def test_an_open_circuit_has_a_reason_and_an_age(ledger: Ledger, now: int, provider: str) -> None:
    circuit = {"until_ms": now + 1_000, "since_ms": now - MINUTE_MS, "reason": "http_503"}
    await ledger.client.hset(keys.circuit(provider), mapping=circuit)

    stats = await read(ledger, now)

    assert stats.circuits == {provider: OpenCircuit(reason="http_503", since_ms=now - MINUTE_MS, until_ms=now + 1_000)}


async def test_store_stats_show_no_circuit_for_failures_below_its_limit(ledger: Ledger, now: int) -> None:
    await ledger.client.hset(keys.circuit("notion"), mapping={"misses": 2})

    assert (await read(ledger, now)).circuits == {}


async def test_people_and_deliveries_are_counted_by_status(ledger: Ledger, ada: Assessment, now: int) -> None:
    await enrolled(ledger, ada, now)
    await send(ledger, 1, now)

    stats = await read(ledger, now)

    assert stats.enrollments == {"accepted": 0, "active": 1, "completed": 0, "exited": 0}
    assert (stats.sent, stats.deliveries) == (1, {"accepted": 1})


async def test_pause_of_all_sending_and_pauses_of_contacts_are_reported_separately(ledger: Ledger, now: int) -> None:
    everybody = Pause(since_ms=now, by="sarah", reason="the domain moves")
    await ledger.pauses.start(None, everybody)
    await ledger.pauses.start(ADA, Pause(since_ms=now, by="sarah", reason=""))

    stats = await read(ledger, now)

    assert (stats.pause, stats.paused_contacts) == (everybody, 1)


async def test_a_paused_campaign_is_not_counted_as_a_paused_person(ledger: Ledger, now: int) -> None:
    await ledger.pauses.start(campaign_scope("christmas_2025"), Pause(since_ms=now, by="sarah", reason=""))
    assert (await read(ledger, now)).paused_contacts == 0

    await ledger.pauses.start(ADA, Pause(since_ms=now, by="sarah", reason=""))
    assert (await read(ledger, now)).paused_contacts == 1


async def test_paused_campaigns_are_reported_with_the_person_who_paused_them(ledger: Ledger, now: int) -> None:
    terms = [CampaignTerms(key=key, cadence=ledger.cadence) for key in ("christmas_2025", "new_year_2026")]
    both = Ledger.of(ledger.client, terms, secret_key="s" * 32)
    paused = Pause(since_ms=now, by="sarah", reason="the texts change")
    await both.pauses.start(campaign_scope("new_year_2026"), paused)

    stats = await read(both, now)

    assert (stats.pause, stats.paused_campaigns) == (None, {"new_year_2026": paused})


async def test_content_bounces_of_a_second_campaign_are_counted(ledger: Ledger, now: int) -> None:
    terms = [CampaignTerms(key=key, cadence=ledger.cadence) for key in ("christmas_2025", "new_year_2026")]
    both = Ledger.of(ledger.client, terms, secret_key="s" * 32)
    await ledger.client.zadd(keys.content_bounces("christmas_2025"), {"enr_a": now})
    await ledger.client.zadd(keys.content_bounces("new_year_2026"), {"enr_b": now, "enr_c": now, "enr_d": 1})

    assert (await read(both, now)).content_bounce_people == 2


async def test_store_stats_show_a_store_that_may_lose_writes(ledger: Ledger, now: int) -> None:
    await ledger.client.config_set("appendfsync", "everysec")
    try:
        assert (await read(ledger, now)).durability["appendfsync"] is False
    finally:
        await ledger.client.config_set("appendfsync", "always")
