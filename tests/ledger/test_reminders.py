"""Guarantees of reminders only: none is sent after its call has begun, and none waits longer than that."""

from __future__ import annotations

import pytest

from common.domain.booking import BookingEvent, BookingKind
from common.domain.delivery import DeliveryStatus, Kind
from common.domain.ids import booking_id, reminder_delivery_id
from common.domain.reminders import ReminderRules
from common.ledger import keys
from common.ledger.deliveries import ClaimGranted, ClaimRefused
from common.ledger.ledger import Ledger
from tests.ledger.planned import HOUR_MS, Planned, book, open_circuit, pause, plan_reminder


@pytest.fixture
def now_ms(clock) -> int:
    return clock.now_ms()


@pytest.fixture
def start_ms(now_ms) -> int:
    return now_ms + 24 * HOUR_MS


@pytest.fixture
async def reminder(ledger: Ledger, now_ms) -> Planned:
    return await plan_reminder(ledger, now_ms)


async def test_reminder_held_by_a_circuit_waits_no_longer_than_the_start_of_its_call(
    ledger, reminder, now_ms, start_ms
):
    await open_circuit(ledger, now_ms, at_least_ms=start_ms + HOUR_MS)

    answer = await ledger.deliveries.claim(reminder.id, worker="w1", now_ms=now_ms)

    assert answer == ClaimRefused("held", "invalid_api_key", start_ms)
    assert await ledger.client.zscore(keys.delayed("send"), reminder.id) == start_ms


async def test_reminder_with_a_retry_after_the_start_of_its_call_expires_at_the_start(
    ledger, reminder, now_ms, start_ms
):
    claim = await reminder.frozen()
    late_ms = start_ms + HOUR_MS
    await ledger.deliveries.settle(claim, "retry", "503", now_ms=now_ms, due_ms=late_ms, outcome_unknown=True)

    assert await ledger.client.zscore(keys.delayed("send"), reminder.id) == start_ms
    answer = await ledger.deliveries.claim(reminder.id, worker="w1", now_ms=start_ms)
    assert answer == ClaimRefused("exited", "expired")
    record = await reminder.record()
    unknown = "expired, while the outcome of an earlier attempt was unknown"
    assert (record.status, record.detail) == (DeliveryStatus.SKIPPED, unknown)


async def test_reminder_claimed_before_its_call_began_cannot_be_frozen_afterwards(ledger, reminder, start_ms):
    claim = await reminder.claimed(at_ms=start_ms - 1)

    assert await ledger.deliveries.freeze(claim, "mail", now_ms=start_ms) == ClaimRefused("exited", "expired")


async def test_reminder_replayed_after_its_call_began_expires(ledger, reminder, start_ms):
    await reminder.dies(outcome_unknown=False)
    assert await ledger.dead_letters.replay(reminder.id, way="fresh", now_ms=start_ms)

    answer = await ledger.deliveries.claim(reminder.id, worker="w1", now_ms=start_ms)
    assert answer == ClaimRefused("exited", "expired")


async def test_reminder_does_not_wait_for_the_retry_of_an_earlier_one(ledger, now_ms, start_ms):
    rules = ReminderRules(before_ms=(("24h", 24 * HOUR_MS), ("1h", HOUR_MS)), minimum_notice_ms=0)
    earlier, contact = await book(ledger, "ada@example.org", now_ms, rules=rules)
    first = await Planned(ledger, Kind.REMINDER, earlier, contact, "ada@example.org", "", now_ms, "").frozen()
    last_hour_ms = start_ms - HOUR_MS
    await ledger.deliveries.settle(first, "retry", "503", now_ms=now_ms, due_ms=last_hour_ms, outcome_unknown=False)

    later = reminder_delivery_id(booking_id("uid"), start_ms=start_ms, name="1h")
    assert isinstance(
        await ledger.deliveries.claim(later, worker="w1", now_ms=last_hour_ms),
        ClaimGranted,
    )


async def test_a_paused_contact_gets_their_reminder_after_the_pause(ledger, reminder, now_ms):
    await pause(ledger, reminder.contact, now_ms)

    refusal = ClaimRefused("held", "paused", now_ms + 60_000)
    assert await ledger.deliveries.claim(reminder.id, worker="w1", now_ms=now_ms) == refusal
    await ledger.pauses.finish(reminder.contact, now_ms=now_ms + 5)
    await reminder.claimed(at_ms=now_ms + 60_000)


async def test_contacts_are_gathered_from_all_bookings_of_a_series(ledger, reminder, now_ms, start_ms):
    moved = BookingEvent(
        kind=BookingKind.RESCHEDULED,
        uid="B",
        event_ms=now_ms,
        received_ms=now_ms,
        reschedule_uid="uid-ada",
        start_ms=start_ms + 24 * HOUR_MS,
        email="another@example.org",
    )
    await ledger.bookings.accept(moved, webhook_id="calcom:1")

    assert (await ledger.bookings.gather(booking_id("B"))).contacts == (reminder.contact,)
