"""A claim takes the delivery's history into account: repeated calls, worker deaths, waits and holds."""

from __future__ import annotations

import pytest

from common.domain.enrollment import Status
from common.domain.ids import enrollment_id, step_delivery_id
from common.ledger import keys
from common.ledger.constants import MAIL
from common.ledger.deliveries import ClaimGranted, ClaimRefused
from common.ledger.ledger import Ledger
from common.ledger.pauses import Pause

HOUR_MS = 3_600_000
ADA = enrollment_id("christmas_2025", "ada@example.org")
STEP_1, STEP_2, STEP_3 = (step_delivery_id(ADA, number) for number in (1, 2, 3))


@pytest.fixture
async def now_ms(ledger: Ledger, ada, clock) -> int:
    """Enroll Ada now. Return the time."""
    await ledger.signups.accept(ada, webhook_id="signup:1", received_ms=clock.now_ms())
    await ledger.signups.enroll(await known(ledger), now_ms=clock.now_ms(), announce=False)
    return clock.now_ms()


async def known(ledger: Ledger):
    found = await ledger.enrollments.get(ADA)
    assert found is not None
    return found


async def go(ledger: Ledger, delivery, now_ms: int, worker: str = "w1") -> ClaimGranted:
    claim = await ledger.deliveries.claim(delivery, worker=worker, now_ms=now_ms)
    assert isinstance(claim, ClaimGranted), claim
    return claim


async def dies_of(ledger: Ledger, delivery, now_ms: int, worker: str, *, frozen: bool) -> None:
    await ledger.client.zadd(keys.HEARTBEATS, {worker: 9e15})
    claim = await go(ledger, delivery, now_ms, worker)
    if frozen:
        await ledger.deliveries.freeze(claim, "mail", now_ms=now_ms)
    await ledger.client.zrem(keys.HEARTBEATS, worker)


async def due(ledger: Ledger, delivery) -> float | None:
    return await ledger.client.zscore(keys.delayed("send"), delivery)


async def pauses(ledger: Ledger, now_ms: int) -> None:
    await ledger.pauses.start(None, Pause(since_ms=now_ms, by="zoë", reason="the domain moves"))


async def holds(ledger: Ledger, now_ms: int) -> None:
    await ledger.enrollments.hold(ADA, "booked", now_ms=now_ms)


async def closes(ledger: Ledger, now_ms: int) -> None:
    await ledger.circuits.report_failure(MAIL, id="x", reason="invalid_api_key", provider_wide=True, now_ms=now_ms)


@pytest.mark.parametrize("begins", [pauses, holds])
async def test_repeated_claim_call_returns_the_same_claim_although_a_pause_or_hold_began(ledger, now_ms, begins):
    first = await go(ledger, STEP_1, now_ms)
    await begins(ledger, now_ms)

    ledger.deliveries._calls -= 1  # The same call, sent again.
    assert (await go(ledger, STEP_1, now_ms)).fence == first.fence


# deaths


async def test_exit_before_the_first_claim_leaves_no_record_of_the_step(ledger, ada, now_ms):
    await ledger.client.hset(keys.SUPPRESSED, ledger.store.address_hash(ada.email), f"complained {now_ms}")

    assert await ledger.deliveries.claim(STEP_1, worker="w1", now_ms=now_ms) == ClaimRefused("exited", "complained")

    assert ((await known(ledger)).status, (await known(ledger)).records) == (Status.EXITED, {})


async def test_enrollment_completes_when_its_last_step_killed_three_workers(ledger, now_ms, cadence):
    for number, offset_ms in enumerate(cadence.offsets_ms[:-1], 1):
        claim = await go(ledger, step_delivery_id(ADA, number), now_ms + offset_ms)
        await ledger.deliveries.settle(claim, "skipped", "because", now_ms=now_ms + offset_ms)
    last, end_ms = step_delivery_id(ADA, 7), now_ms + cadence.offsets_ms[-1]
    for worker in ("a", "b", "c"):
        await dies_of(ledger, last, end_ms, worker, frozen=False)

    assert (await ledger.deliveries.claim(last, worker="w1", now_ms=end_ms)).reason == "dead"

    assert (await known(ledger)).status is Status.COMPLETED


# waits


async def overdue(ledger: Ledger, now_ms: int) -> int:
    """Send step 1 late, so that the due step 2 waits for the minimum gap. Return when the gap ends."""
    late_ms = now_ms + 23 * HOUR_MS
    claim = await go(ledger, STEP_1, late_ms)
    await ledger.deliveries.freeze(claim, "mail", now_ms=late_ms)
    await ledger.deliveries.settle(claim, "accepted", "re_1", now_ms=late_ms)
    gap_ends_ms = late_ms + 12 * HOUR_MS
    assert await ledger.deliveries.claim(STEP_2, worker="w1", now_ms=now_ms + 24 * HOUR_MS) == ClaimRefused(
        "not yet", "", gap_ends_ms
    )
    return gap_ends_ms


async def test_step_that_waits_for_the_minimum_gap_waits_as_long_after_a_hold(ledger, now_ms):
    gap_ends_ms = await overdue(ledger, now_ms)
    assert await due(ledger, STEP_2) == gap_ends_ms
    await ledger.enrollments.hold(ADA, "booked", now_ms=now_ms + 25 * HOUR_MS)

    await ledger.enrollments.release(ADA, "booked", now_ms=now_ms + 26 * HOUR_MS)

    assert await due(ledger, STEP_2) == gap_ends_ms


async def test_wait_of_one_step_does_not_delay_the_next_step(ledger, now_ms):
    await go(ledger, STEP_2, await overdue(ledger, now_ms))
    await ledger.enrollments.hold(ADA, "booked", now_ms=now_ms + 40 * HOUR_MS)

    await ledger.enrollments.release(ADA, "booked", now_ms=now_ms + 41 * HOUR_MS)

    assert await due(ledger, STEP_3) == now_ms + 72 * HOUR_MS


async def test_attempted_delivery_that_waits_for_a_circuit_is_not_scheduled_sooner(ledger, now_ms):
    await dies_of(ledger, STEP_1, now_ms, "a", frozen=True)
    until_ms = now_ms + HOUR_MS
    await ledger.circuits.report_failure(
        MAIL, id="x", reason="quota", provider_wide=True, now_ms=now_ms, at_least_ms=until_ms
    )
    held = await ledger.deliveries.claim(STEP_1, worker="w1", now_ms=now_ms)

    assert held == ClaimRefused("held", "quota", until_ms + 1_000)
    assert await ledger.client.zscore(keys.OPEN, STEP_1) == until_ms + 1_000
    assert await due(ledger, STEP_1) == until_ms + 1_000
    assert await ledger.deliveries.claim(STEP_1, worker="w1", now_ms=now_ms) == ClaimRefused(
        "not yet", "", until_ms + 1_000
    )


async def test_claimed_mail_delays_the_next_step_for_no_longer_than_the_minimum_gap(ledger, now_ms):
    await go(ledger, STEP_1, now_ms + 23 * HOUR_MS)

    assert (await ledger.deliveries.claim(STEP_2, worker="w1", now_ms=now_ms + 24 * HOUR_MS)).reason == "not yet"
    await go(ledger, STEP_2, now_ms + 35 * HOUR_MS)


async def test_settling_one_step_does_not_end_the_minimum_gap_for_another(ledger, now_ms):
    first = await go(ledger, STEP_1, now_ms)
    await ledger.deliveries.settle(first, "retry", "503", now_ms=now_ms, due_ms=now_ms + 24 * HOUR_MS)
    again = await go(ledger, STEP_1, now_ms + 24 * HOUR_MS, worker="w2")
    await ledger.client.hset(keys.enrollment(ADA), "sending", f"2 {now_ms + 24 * HOUR_MS}")

    await ledger.deliveries.settle(again, "skipped", "because", now_ms=now_ms + 24 * HOUR_MS)

    assert await ledger.client.hget(keys.enrollment(ADA), "sending") == f"2 {now_ms + 24 * HOUR_MS}".encode()


# what is stored afterwards


async def test_timeline_keeps_its_last_200_lines(ledger, now_ms):
    for number in range(101):
        await ledger.enrollments.hold(ADA, "booked", now_ms=now_ms + number)
        await ledger.enrollments.release(ADA, "booked", now_ms=now_ms + number)

    lines = await ledger.client.lrange(keys.timeline(ADA), 0, -1)
    assert len(lines) == 200
    assert lines[-1].decode() == f'[{now_ms + 100},"released","booked"]'


async def test_delivery_of_an_erased_enrollment_cannot_be_claimed(ledger, ada, clock):
    await ledger.client.hset(
        keys.SUPPRESSED, ledger.store.address_hash(ada.email), f"unsubscribed {clock.now_ms()} forgotten"
    )

    assert await ledger.deliveries.claim(STEP_1, worker="w1", now_ms=clock.now_ms()) == ClaimRefused("unknown")


async def test_delivery_refused_for_now_returns_to_the_schedule(ledger, now_ms):
    claim = await go(ledger, STEP_1, now_ms)
    await ledger.deliveries.settle(claim, "retry", "503", now_ms=now_ms, due_ms=now_ms + HOUR_MS)
    await ledger.client.delete(keys.delayed("send"))  # It was made ready by a clock that is ahead.

    assert await ledger.deliveries.claim(STEP_1, worker="w1", now_ms=now_ms + 5) == ClaimRefused(
        "not yet", "", now_ms + HOUR_MS
    )
    assert await due(ledger, STEP_1) == now_ms + HOUR_MS

    await pauses(ledger, now_ms)
    assert await ledger.deliveries.claim(STEP_1, worker="w1", now_ms=now_ms + 5) == ClaimRefused(
        "held", "paused", now_ms + HOUR_MS
    )
    assert await ledger.deliveries.claim(STEP_2, worker="w1", now_ms=now_ms + 24 * HOUR_MS) == ClaimRefused(
        "held", "paused", now_ms + 24 * HOUR_MS + 60_000
    )
    assert await due(ledger, STEP_2) == now_ms + 24 * HOUR_MS + 60_000
