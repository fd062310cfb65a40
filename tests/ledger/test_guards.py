"""Each test covers one guard of one script, by what would go wrong without it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from common.domain.enrollment import ExitReason, Status
from common.domain.ids import booking_id, enrollment_id, step_delivery_id
from common.ledger import keys
from common.ledger.constants import MAIL
from common.ledger.deliveries import ClaimGranted, ClaimRefused
from common.ledger.ledger import Ledger

HOUR_MS = 3_600_000
ADA = enrollment_id("christmas_2025", "ada@example.org")
STEP_1, STEP_2 = step_delivery_id(ADA, 1), step_delivery_id(ADA, 2)


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


async def dead_lettered(ledger: Ledger, now_ms: int, *, unknown: bool = True) -> ClaimGranted:
    claim = await go(ledger, STEP_1, now_ms)
    await ledger.deliveries.freeze(claim, "mail", now_ms=now_ms)
    await ledger.deliveries.settle(claim, "dead", "because", now_ms=now_ms, outcome_unknown=unknown)
    return claim


async def fields_of(ledger: Ledger, delivery) -> dict[str, str]:
    return await ledger.store.read_hash(keys.delivery(delivery))


# enroll, exit


async def test_contact_who_is_enrolled_again_continues_with_the_same_step(ledger, now_ms):
    await go(ledger, STEP_1, now_ms)
    await ledger.client.zrem(keys.delayed("send"), STEP_1)  # A worker has it.

    await ledger.signups.enroll(await known(ledger), now_ms=now_ms, announce=False)

    assert (await known(ledger)).next_step == 2
    assert await ledger.client.hget(keys.COUNTS, "active") == b"1"
    assert await ledger.client.zscore(keys.delayed("send"), STEP_1) is None


async def test_critical_contact_is_announced_once(ledger, now_ms):
    await ledger.signups.enroll(await known(ledger), now_ms=now_ms, announce=True)
    assert await ledger.client.zrem(keys.delayed("announce"), ADA) == 1

    await ledger.signups.enroll(await known(ledger), now_ms=now_ms, announce=True)

    assert await ledger.client.zscore(keys.delayed("announce"), ADA) is None


async def test_first_reason_for_a_suppression_is_kept(ledger, ada, now_ms):
    mark = ledger.store.address_hash(ada.email)
    await ledger.enrollments.exit(ADA, ExitReason.COMPLAINED, address_hash=mark, now_ms=now_ms)
    await ledger.enrollments.exit(ADA, ExitReason.UNSUBSCRIBED, address_hash=mark, now_ms=now_ms + 5)

    assert await ledger.client.hget(keys.SUPPRESSED, mark) == f"complained {now_ms}".encode()


async def test_unsubscribing_leaves_no_message_body_in_the_schedule(ledger, ada, now_ms):
    await ledger.enrollments.unsubscribe(ADA, address_hash=ledger.store.address_hash(ada.email), now_ms=now_ms)

    assert await ledger.client.hlen(keys.delayed("send") + ".msgs") == 0


# claim, freeze, settle


async def test_a_step_that_is_not_the_next_one_cannot_be_claimed(ledger, now_ms):
    assert await ledger.deliveries.claim(STEP_2, worker="w1", now_ms=now_ms + 100 * HOUR_MS) == ClaimRefused("unknown")


async def test_replay_ignores_the_minimum_gap(ledger, now_ms):
    await dead_lettered(ledger, now_ms, unknown=False)
    later_ms = now_ms + 24 * HOUR_MS
    second = await go(ledger, STEP_2, later_ms)
    await ledger.deliveries.freeze(second, "mail 2", now_ms=later_ms)
    await ledger.deliveries.settle(second, "accepted", "re_2", now_ms=later_ms)

    await ledger.dead_letters.replay(STEP_1, now_ms=later_ms, way="fresh")

    assert isinstance(await ledger.deliveries.claim(STEP_1, worker="w1", now_ms=later_ms), ClaimGranted)


async def test_freeze_refuses_a_step_to_an_address_suppressed_by_another_campaign(ledger, ada, now_ms):
    claim = await go(ledger, STEP_1, now_ms)
    await ledger.client.hset(keys.SUPPRESSED, ledger.store.address_hash(ada.email), f"complained {now_ms}")

    assert await ledger.deliveries.freeze(claim, "mail", now_ms=now_ms) == ClaimRefused("exited", "complained")
    assert (await known(ledger)).status is Status.EXITED


async def test_enrollment_completes_with_its_last_open_step(ledger, now_ms):
    in_trouble = await go(ledger, STEP_1, now_ms)
    await ledger.deliveries.freeze(in_trouble, "mail", now_ms=now_ms)
    await ledger.deliveries.settle(in_trouble, "retry", "timeout", now_ms=now_ms, due_ms=now_ms + 9_999 * HOUR_MS)
    for number in range(2, 8):
        due_ms = now_ms + ledger.cadence.offsets_ms[number - 1]
        claim = await go(ledger, step_delivery_id(ADA, number), due_ms)
        await ledger.deliveries.freeze(claim, "mail", now_ms=due_ms)
        assert (await known(ledger)).status is Status.ACTIVE
        await ledger.deliveries.settle(claim, "accepted", f"re_{number}", now_ms=due_ms)

    assert (await known(ledger)).status is Status.ACTIVE
    late_ms = now_ms + 9_999 * HOUR_MS
    await ledger.deliveries.settle(await go(ledger, STEP_1, late_ms), "skipped", "because", now_ms=late_ms)
    assert (await known(ledger)).status is Status.COMPLETED


# leases and heartbeats


async def seen(ledger: Ledger, worker: str, seconds_ago: float) -> None:
    seconds, micros = await ledger.client.time()
    at_ms = seconds * 1_000 + micros // 1_000 - seconds_ago * 1_000
    await ledger.client.zadd(keys.HEARTBEATS, {worker: at_ms})


@pytest.mark.parametrize(("seconds_ago", "is_in_hand"), [(2, True), (6, False)])
async def test_worker_without_a_heartbeat_for_over_four_seconds_loses_its_claims(
    ledger, now_ms, seconds_ago, is_in_hand
):
    await go(ledger, STEP_1, now_ms)
    await seen(ledger, "w1", seconds_ago)

    answer = await ledger.deliveries.claim(STEP_1, worker="w2", now_ms=now_ms)

    assert isinstance(answer, ClaimRefused) is is_in_hand


# dead letters


async def test_dead_letter_found_accepted_is_removed_and_starts_the_minimum_gap(ledger, now_ms):
    await dead_lettered(ledger, now_ms)
    sent_ms = now_ms + 23 * HOUR_MS

    assert await ledger.dead_letters.accept(STEP_1, "re_1", sent_ms=sent_ms, dead_since_ms=now_ms, now_ms=sent_ms)

    assert await ledger.client.zscore(keys.DEAD, STEP_1) is None
    assert await fields_of(ledger, STEP_1) == {}
    assert await ledger.deliveries.claim(STEP_2, worker="w1", now_ms=now_ms + 24 * HOUR_MS) == ClaimRefused(
        "not yet", "", sent_ms + 12 * HOUR_MS
    )


async def test_minimum_gap_counts_from_the_latest_mail_also_when_an_earlier_one_is_found(ledger, now_ms):
    await dead_lettered(ledger, now_ms)
    later_ms = now_ms + 24 * HOUR_MS
    second = await go(ledger, STEP_2, later_ms)
    await ledger.deliveries.freeze(second, "mail", now_ms=later_ms)
    await ledger.deliveries.settle(second, "accepted", "re_2", now_ms=later_ms)

    await ledger.dead_letters.accept(STEP_1, "re_1", sent_ms=now_ms, dead_since_ms=now_ms, now_ms=later_ms)

    assert await ledger.client.hget(keys.enrollment(ADA), "last_sent_ms") == str(later_ms).encode()


# the projection to Notion


async def test_mirror_request_schedules_the_pump_and_can_add_a_contact_to_the_changes(ledger, now_ms):
    pump = keys.delayed("notion_sync")
    await ledger.client.delete(keys.CHANGED, pump, pump + ".msgs")

    await ledger.mirror.request(due_ms=now_ms + 5, now_ms=now_ms)
    assert await ledger.client.zcard(keys.CHANGED) == 0
    assert await ledger.client.zscore(pump, "pump") == now_ms + 5

    await ledger.mirror.request(due_ms=now_ms + 5, now_ms=now_ms, again=ADA)
    assert await ledger.client.zscore(keys.CHANGED, ADA) == now_ms


async def test_a_later_change_does_not_postpone_the_pump(ledger, ada, now_ms):
    boris = replace(ada, email="boris@example.org")
    before = await ledger.client.zscore(keys.delayed("notion_sync"), "pump")
    await ledger.signups.accept(boris, webhook_id="signup:2", received_ms=now_ms + 5_000)
    later = await ledger.enrollments.get(enrollment_id("christmas_2025", boris.email))
    await ledger.signups.enroll(later, now_ms=now_ms + 5_000, announce=False)

    assert await ledger.client.zscore(keys.delayed("notion_sync"), "pump") == before is not None


async def test_contact_not_yet_shown_in_notion_stays_changed_and_the_pump_runs_again(ledger, now_ms):
    pump = keys.delayed("notion_sync")
    taken = await ledger.mirror.take(worker="w1", now_ms=now_ms)
    await ledger.client.delete(pump, pump + ".msgs")

    assert await ledger.mirror.record_shown(taken.person, {}, worker="w2", now_ms=now_ms) is None
    await ledger.mirror.record_not_shown(taken.person, worker="w1", now_ms=now_ms, again_ms=now_ms + 9, alone=False)

    assert await ledger.client.zscore(keys.CHANGED, ADA) is not None
    assert await ledger.client.zscore(pump, "pump") == now_ms + 9
    assert (await known(ledger)).mirrored_revision == 0


async def test_mirrored_revision_is_the_revision_that_was_taken(ledger, now_ms):
    taken = await ledger.mirror.take(worker="w1", now_ms=now_ms)

    assert await ledger.mirror.record_shown(taken.person, {}, worker="w1", now_ms=now_ms)

    assert (await known(ledger)).mirrored_revision == taken.person.revision > 0
    assert await ledger.client.zcard(keys.CHANGED) == 0


async def test_failed_delivery_waits_in_the_schedule_for_its_retry(ledger, now_ms):
    claim = await go(ledger, STEP_1, now_ms)
    await ledger.client.zrem(keys.delayed("send"), STEP_1)  # A worker has it.
    await ledger.deliveries.freeze(claim, "mail", now_ms=now_ms)

    await ledger.deliveries.settle(
        claim, "retry", "timeout", now_ms=now_ms, due_ms=now_ms + 60_000, outcome_unknown=True
    )

    assert await ledger.client.zscore(keys.delayed("send"), STEP_1) == now_ms + 60_000


async def test_contact_who_changed_last_is_shown_in_notion_first(ledger, ada, now_ms):
    boris = replace(ada, email="boris@example.org")
    await ledger.signups.accept(boris, webhook_id="signup:2", received_ms=now_ms + 5)
    last = await ledger.enrollments.get(enrollment_id("christmas_2025", boris.email))
    await ledger.signups.enroll(last, now_ms=now_ms + 5, announce=False)

    assert (await ledger.mirror.take(worker="w1", now_ms=now_ms + 5)).id == last.id
    assert (await ledger.mirror.take(worker="w1", now_ms=now_ms + 5)).id == ADA


async def test_sweeper_does_not_reschedule_a_scheduled_delivery_however_late_it_is(ledger, now_ms):
    claim = await go(ledger, STEP_1, now_ms)
    await ledger.deliveries.settle(claim, "retry", "timeout", now_ms=now_ms, due_ms=now_ms + 5)

    _, healed = await ledger.schedule.sweep("0", now_ms=now_ms + 20_000)

    assert healed == []
    assert await ledger.client.zscore(keys.delayed("send"), STEP_1) == now_ms + 5


async def test_sweeper_finds_a_contact_missing_in_notion_and_among_the_changes(ledger, now_ms):
    pump = keys.delayed("notion_sync")
    await ledger.client.delete(keys.CHANGED, pump, pump + ".msgs")

    await ledger.schedule.sweep("0", now_ms=now_ms)

    assert await ledger.client.zscore(keys.CHANGED, ADA) is not None
    assert await ledger.client.zscore(pump, "pump") == now_ms


# circuits


async def test_circuit_is_probed_less_often_and_at_least_twice_a_minute(ledger, clock):
    waits = []
    for _ in range(8):
        trouble = await ledger.circuits.report_failure(
            MAIL, id="x", reason="503", provider_wide=True, now_ms=clock.now_ms()
        )
        waits.append(trouble.until_ms - clock.now_ms())
        clock.advance(waits[-1])

    assert waits == [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]


async def test_longer_wait_demanded_by_the_provider_applies_to_its_circuit(ledger, clock):
    now_ms = clock.now_ms()
    await ledger.circuits.report_failure(MAIL, id="x", reason="503", provider_wide=True, now_ms=now_ms)

    shorter = await ledger.circuits.report_failure(
        MAIL, id="y", reason="quota", provider_wide=True, now_ms=now_ms, at_least_ms=now_ms + 500
    )
    longer = await ledger.circuits.report_failure(
        MAIL, id="y", reason="quota", provider_wide=True, now_ms=now_ms, at_least_ms=now_ms + HOUR_MS
    )

    assert (shorter.until_ms, longer.until_ms) == (now_ms + 1_000, now_ms + HOUR_MS)


# postponed bookings


async def test_postponed_booking_is_due_at_its_new_time(ledger, clock):
    call = booking_id("A")

    await ledger.bookings.postpone(call, until_ms=clock.now_ms() + 9)

    assert await ledger.client.zscore(keys.BOOKINGS, call) == clock.now_ms() + 9
    assert await ledger.client.zscore(keys.delayed("bookings"), call) == clock.now_ms() + 9
