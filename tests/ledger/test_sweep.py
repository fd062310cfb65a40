"""The sweeper reads the enrollments that are due, and no others."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from actors.upkeep import sweeper
from common.domain.ids import enrollment_id, step_delivery_id
from common.ledger import keys
from common.ledger.constants import MAIL
from common.ledger.ledger import Ledger
from tests.ledger_reads import sweep

HOUR_MS = 3_600_000
ADA = enrollment_id("christmas_2025", "ada@example.org")


@pytest.fixture
async def now_ms(ledger: Ledger, ada, clock) -> int:
    """Send Ada her first mail now and show it in Notion. Return the time."""
    now_ms = clock.now_ms()
    await ledger.signups.accept(ada, webhook_id="signup:1", received_ms=now_ms)
    await ledger.signups.enroll(await ledger.enrollments.get(ADA), now_ms=now_ms, announce=False)
    claim = await ledger.deliveries.claim(step_delivery_id(ADA, 1), worker="w1", now_ms=now_ms)
    await ledger.deliveries.freeze(claim, "mail", now_ms=now_ms)
    await ledger.deliveries.settle(claim, "accepted", "re_1", now_ms=now_ms)
    await shown(ledger, now_ms)
    return now_ms


async def shown(ledger: Ledger, now_ms: int) -> None:
    changed = await ledger.mirror.take(worker="w1", now_ms=now_ms)
    await ledger.mirror.record_shown(changed.person, {"sequence": "p1"}, worker="w1", now_ms=now_ms)


async def looked_at(ledger: Ledger, now_ms: int) -> int:
    """Sweep. Return the number of enrollments that were read."""
    before = await ledger.client.info("commandstats")
    await sweep(ledger, now_ms)
    after = await ledger.client.info("commandstats")
    return int(after["cmdstat_hmget"]["calls"] - before["cmdstat_hmget"]["calls"])


async def test_sweeper_reads_an_enrollment_when_its_step_is_due(ledger, now_ms):
    assert await looked_at(ledger, now_ms + HOUR_MS) == 0
    assert await looked_at(ledger, now_ms + 24 * HOUR_MS - 60_000) == 1


async def test_a_step_that_the_queue_lost_is_scheduled_again_before_it_is_due(ledger, now_ms):
    due_ms = now_ms + 24 * HOUR_MS
    await ledger.client.delete(keys.delayed("send"))

    assert await sweep(ledger, due_ms - 60_000) == [step_delivery_id(ADA, 2)]
    assert await ledger.client.zscore(keys.delayed("send"), step_delivery_id(ADA, 2)) == due_ms


async def test_the_next_step_of_a_held_enrollment_is_not_scheduled(ledger, now_ms):
    await ledger.client.hset(keys.enrollment(ADA), "hold", "booking")
    await ledger.client.delete(keys.delayed("send"))

    assert await sweep(ledger, now_ms + 24 * HOUR_MS - 60_000) == []


async def test_a_step_that_waits_for_the_provider_and_was_lost_is_scheduled_when_its_wait_ends(ledger, now_ms):
    step, due_ms = step_delivery_id(ADA, 2), now_ms + 24 * HOUR_MS
    circuit = {"id": "enr_boris/step-1", "reason": "quota", "provider_wide": True, "at_least_ms": due_ms + HOUR_MS}
    await ledger.circuits.report_failure(MAIL, now_ms=due_ms, **circuit)
    assert (await ledger.deliveries.claim(step, worker="w1", now_ms=due_ms)).reason == "held"
    await ledger.client.delete(keys.delayed("send"))
    waits_until_ms = await ledger.client.zscore(keys.OPEN, step)

    assert waits_until_ms >= due_ms + HOUR_MS
    assert await sweep(ledger, due_ms + HOUR_MS // 2) == []
    assert await sweep(ledger, int(waits_until_ms) + 20_000) == [step]


async def test_a_contact_who_leaves_while_a_step_waits_for_the_provider_leaves_nothing_to_check(ledger, now_ms):
    step, due_ms = step_delivery_id(ADA, 2), now_ms + 24 * HOUR_MS
    await ledger.circuits.report_failure(MAIL, id="x", reason="503", provider_wide=True, now_ms=due_ms)
    assert (await ledger.deliveries.claim(step, worker="w1", now_ms=due_ms)).reason == "held"
    assert await ledger.client.zscore(keys.OPEN, step)

    await ledger.enrollments.unsubscribe(ADA, address_hash=None, now_ms=due_ms)

    assert await ledger.client.zcard(keys.OPEN) == 0


async def test_sweeper_does_not_read_an_ended_enrollment_again(ledger, now_ms):
    await ledger.enrollments.unsubscribe(ADA, address_hash=None, now_ms=now_ms + 1)
    await shown(ledger, now_ms + 1)

    assert await looked_at(ledger, now_ms + 2) == 1
    assert await looked_at(ledger, now_ms + 500 * HOUR_MS) == 0
    assert await ledger.client.zscore(keys.ENDED, ADA) == now_ms + 1
    assert [one async for one in ledger.enrollments.ids()] == [ADA]


async def test_sweeper_reads_an_ended_enrollment_until_notion_shows_it(ledger, now_ms):
    await ledger.enrollments.unsubscribe(ADA, address_hash=None, now_ms=now_ms + 1)
    await ledger.client.delete(keys.CHANGED)

    await sweep(ledger, now_ms + 2)

    assert await ledger.client.zscore(keys.CHANGED, ADA) == now_ms + 2
    assert await ledger.client.zscore(keys.UNDER_WAY, ADA) == now_ms + 2 + HOUR_MS


async def test_a_retry_for_notion_that_the_queue_lost_is_found_at_its_time(ledger, now_ms):
    await ledger.mirror.request(due_ms=now_ms, now_ms=now_ms, again=ADA)
    changed = await ledger.mirror.take(worker="w1", now_ms=now_ms)
    await ledger.client.hincrby(keys.enrollment(ADA), "revision", 1)
    await ledger.mirror.record_not_shown(
        changed.person, worker="w1", now_ms=now_ms, again_ms=now_ms + 5_000, alone=True
    )
    await ledger.client.delete(keys.delayed("notion_sync"), keys.CHANGED)

    await sweep(ledger, now_ms + 5_000)

    assert await ledger.client.zscore(keys.CHANGED, ADA) == now_ms + 5_000


async def test_sweeper_reads_more_enrollments_than_fit_in_a_page(ledger, ada, clock):
    for number in range(7):
        await ledger.client.zadd(keys.UNDER_WAY, {f"enr_{number}": 0})
    page, pages = "0", 0
    while pages == 0 or page != "0":
        page, _ = await ledger.schedule.sweep(page, now_ms=clock.now_ms(), batch=3)
        pages += 1

    assert pages == 3
    assert await ledger.client.zcard(keys.UNDER_WAY) == 0


async def test_sweep_ends_however_many_enrollments_are_overdue_and_however_long_it_takes(
    ledger, ada, clock, monkeypatch
):
    begun_ms, pages = clock.now_ms(), []
    for number in range(3):
        one = replace(ada, email=f"ada.{number}@example.org")
        await ledger.signups.accept(one, webhook_id=f"signup:{number}", received_ms=begun_ms)
    clock.advance(HOUR_MS)

    def slowly(page, **arguments):
        pages.append(page)
        clock.advance(5)
        return one_by_one(page, **arguments)

    one_by_one = partial(ledger.schedule.sweep, batch=1)
    monkeypatch.setattr(ledger.schedule, "sweep", slowly)
    await sweeper.sweep(ledger, clock)

    assert pages == ["0", "1", "2", "3"]


async def test_sweeper_reads_a_long_overdue_enrollment_once_a_minute(ledger, now_ms):
    due_ms = now_ms + 24 * HOUR_MS

    assert [await looked_at(ledger, due_ms + late_ms) for late_ms in (0, 15_000)] == [1, 1]
    assert [await looked_at(ledger, due_ms + HOUR_MS + 15_000 * number) for number in range(5)] == [1, 0, 0, 0, 1]


async def test_clock_that_is_far_ahead_delays_no_enrollment(ledger, store, now_ms):
    await store.hset(keys.HOLD_ALL, "clock", "a year ahead")
    await sweep(ledger, now_ms + 9_000 * HOUR_MS)
    await store.delete(keys.HOLD_ALL)

    assert await store.zscore(keys.UNDER_WAY, ADA) == now_ms + 24 * HOUR_MS
