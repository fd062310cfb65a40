"""Waits set by a clock that was a day ahead are ignored: jobs run at their right time, and the wait is reported."""

from __future__ import annotations

import pytest

from common.domain.ids import enrollment_id, step_delivery_id
from common.ledger import keys
from common.ledger.deliveries import ClaimGranted
from common.ledger.holds import Hold
from common.providers.budget import StoreBudget
from tests.ledger.test_pauses import enrolled, promoted

HOUR_MS = 3_600_000
AHEAD_MS = 25 * HOUR_MS
ADA = enrollment_id("christmas_2025", "ada@example.org")
FIRST = step_delivery_id(ADA, 1)
GAP_MS = 12 * HOUR_MS


async def refused(ledger, clock, *, at_least_ms: int | None = None):
    """Open the provider's circuit by a clock that is a day ahead."""
    wrong_ms = clock.now_ms() + AHEAD_MS
    await ledger.circuits.report_failure(
        "resend", id=FIRST, reason="http_503", provider_wide=True, now_ms=wrong_ms, at_least_ms=at_least_ms
    )


async def check_waits(ledger, clock) -> list[str]:
    following, jobs = await ledger.schedule.check_waits("0", now_ms=clock.now_ms(), gap_ms=GAP_MS)
    assert following == "0"
    return jobs


async def test_circuit_and_probe_from_a_wrong_clock_stop_nothing_once_the_clock_is_right(ledger, ada, clock, store_url):
    await enrolled(ledger, ada, clock.now_ms())
    await refused(ledger, clock)

    assert promoted(store_url, clock)["send"] == 1
    assert isinstance(await ledger.deliveries.claim(FIRST, worker="w1", now_ms=clock.now_ms()), ClaimGranted)
    assert await ledger.schedule.take_ignored() == {"circuit": 1, "probe": 1}
    assert await ledger.schedule.take_ignored() == {}


async def test_circuit_waits_as_long_as_the_provider_demanded(ledger, clock):
    until_ms = clock.now_ms() + HOUR_MS
    await ledger.circuits.report_failure(
        "notion", id="1", reason="http_429", provider_wide=True, now_ms=clock.now_ms(), at_least_ms=until_ms
    )

    assert await ledger.circuits.open_until("notion", now_ms=clock.now_ms()) == until_ms
    assert await ledger.schedule.take_ignored() == {}


async def test_retry_scheduled_by_a_wrong_clock_is_made_at_its_right_time(ledger, ada, clock, store_url):
    await enrolled(ledger, ada, clock.now_ms())
    wrong_ms = clock.now_ms() + AHEAD_MS
    claim = await ledger.deliveries.claim(FIRST, worker="w1", now_ms=wrong_ms)
    await ledger.deliveries.freeze(claim, "{}", now_ms=wrong_ms)
    await ledger.deliveries.settle(claim, "retry", "http_500", now_ms=wrong_ms, due_ms=wrong_ms + 60_000)
    assert promoted(store_url, clock)["send"] == 0

    assert await check_waits(ledger, clock) == [FIRST]

    assert promoted(store_url, clock)["send"] == 1
    assert isinstance(await ledger.deliveries.claim(FIRST, worker="w1", now_ms=clock.now_ms()), ClaimGranted)
    assert await ledger.schedule.take_ignored() == {"deferral": 1}


async def test_delivery_deferred_by_a_wrong_clock_before_its_first_claim_is_sent_on_time(ledger, ada, clock, store_url):
    await enrolled(ledger, ada, clock.now_ms())
    await ledger.client.zadd(keys.OPEN, {FIRST: clock.now_ms() + AHEAD_MS})
    await ledger.client.zadd(keys.delayed("send"), {FIRST: clock.now_ms() + AHEAD_MS})

    assert await check_waits(ledger, clock) == [FIRST]
    assert promoted(store_url, clock)["send"] == 1


async def test_correct_wait_of_a_delivery_is_left_alone(ledger, ada, clock):
    await enrolled(ledger, ada, clock.now_ms())
    claim = await ledger.deliveries.claim(FIRST, worker="w1", now_ms=clock.now_ms())
    await ledger.deliveries.settle(claim, "defer", "http_429", now_ms=clock.now_ms(), due_ms=clock.now_ms() + HOUR_MS)

    assert await check_waits(ledger, clock) == []
    assert await ledger.client.zscore(keys.OPEN, FIRST) == clock.now_ms() + HOUR_MS


@pytest.mark.parametrize("queue", ["classify", "notion_sync", "reconcile_bookings"])
async def test_job_of_a_short_delay_queue_scheduled_a_day_ahead_is_made_due(ledger, clock, queue):
    await ledger.client.zadd(keys.delayed(queue), {"soon": clock.now_ms() + 60_000, "late": clock.now_ms() + AHEAD_MS})

    assert await check_waits(ledger, clock) == ["late"]
    assert await ledger.client.zscore(keys.delayed(queue), "late") == clock.now_ms()
    assert await ledger.schedule.take_ignored() == {"job": 1}


async def test_mail_recorded_as_sent_in_the_future_does_not_delay_the_next(ledger, ada, clock):
    await enrolled(ledger, ada, clock.now_ms())
    await ledger.client.hset(keys.enrollment(ADA), "last_sent_ms", clock.now_ms() + AHEAD_MS)

    assert isinstance(await ledger.deliveries.claim(FIRST, worker="w1", now_ms=clock.now_ms()), ClaimGranted)


async def test_budget_held_until_a_day_ahead_is_free(store, clock):
    budget = StoreBudget.per_second(store, "resend", 10, clock=clock)
    await store.hset("{advent}:budget:resend:after", "hold", clock.now_ms() + AHEAD_MS)

    await budget.take()


async def test_retry_held_by_a_wrong_clock_is_sent_on_time(ledger, ada, clock, store_url):
    await enrolled(ledger, ada, clock.now_ms())
    claim = await ledger.deliveries.claim(FIRST, worker="w1", now_ms=clock.now_ms())
    await ledger.deliveries.settle(claim, "retry", "http_500", now_ms=clock.now_ms(), due_ms=clock.now_ms() + 60_000)
    await ledger.holds.start("clock", Hold(since_ms=1, why="", cure=""))
    await ledger.deliveries.claim(FIRST, worker="w1", now_ms=clock.now_ms() + AHEAD_MS)
    await ledger.holds.finish("clock")

    assert await check_waits(ledger, clock) == [FIRST]
    clock.advance(60_000)
    assert promoted(store_url, clock)["send"] == 1
