"""What changes when a booking is processed again, and what stays."""

from __future__ import annotations

from dataclasses import replace

import pytest

from common.domain.booking import BookingEvent, BookingKind
from common.domain.delivery import DeliveryStatus
from common.domain.ids import booking_id, enrollment_id, reminder_delivery_id, step_delivery_id
from common.domain.reminders import SHORT_NOTICE, ReminderRules, reminders_of
from common.domain.series import resolve
from common.ledger import keys
from common.ledger.booking_outcome import BookingOutcome
from common.ledger.ledger import Ledger
from tests.ledger_reads import record_of

HOUR_MS = 3_600_000
BORIS = "boris@example.org"
WHO = enrollment_id("christmas_2025", BORIS)
CALL = booking_id("A")
RULES = ReminderRules(before_ms=(("24h", 24 * HOUR_MS),), minimum_notice_ms=2 * HOUR_MS)
EARLIER = replace(RULES, before_ms=(("24h", 25 * HOUR_MS),))


@pytest.fixture
def booked(clock) -> BookingEvent:
    now_ms, start_ms = clock.now_ms(), clock.now_ms() + 100 * HOUR_MS
    meeting = {"start_ms": start_ms, "end_ms": start_ms + HOUR_MS, "email": BORIS}
    return BookingEvent(kind=BookingKind.CREATED, uid="A", event_ms=now_ms, received_ms=now_ms, **meeting)


async def look(ledger: Ledger, now_ms: int, rules: ReminderRules = RULES, nurture: str = "leave") -> None:
    """Process the booking as the actor does."""
    bookings = ledger.bookings
    gathered = await bookings.gather(CALL)
    outcome = BookingOutcome(
        gathered=gathered,
        bookings=[(booking, reminders_of(booking, rules)) for booking in resolve(gathered.events)],
        nurture=[(one, nurture) for one in await bookings.contacts([WHO])],
    )
    assert await bookings.write(outcome, now_ms=now_ms)


@pytest.fixture
async def reminder(ledger, booked):
    """Boris's reminder, a day before his call."""
    await ledger.bookings.accept(booked, webhook_id="calcom:1")
    await look(ledger, booked.received_ms)
    return reminder_delivery_id(CALL, start_ms=booked.start_ms, name="24h")


async def due(ledger: Ledger, delivery) -> float | None:
    return await ledger.client.zscore(keys.delayed("send"), delivery)


async def test_reminder_with_a_changed_time_is_due_at_the_new_time(ledger, booked, reminder):
    await look(ledger, booked.received_ms, EARLIER)

    assert await due(ledger, reminder) == booked.start_ms - 25 * HOUR_MS
    assert await ledger.client.zscore(keys.OPEN, reminder) == booked.start_ms - 25 * HOUR_MS


async def test_attempted_reminder_keeps_the_due_time_of_its_retry(ledger, booked, reminder):
    due_ms = booked.start_ms - 24 * HOUR_MS
    claim = await ledger.deliveries.claim(reminder, worker="w1", now_ms=due_ms)
    await ledger.deliveries.freeze(claim, "mail", now_ms=due_ms)
    await ledger.deliveries.settle(claim, "retry", "503", now_ms=due_ms, due_ms=due_ms + 60_000)

    await look(ledger, due_ms, EARLIER)

    assert await due(ledger, reminder) == due_ms + 60_000


async def test_a_planned_reminder_stays_planned_when_a_later_look_finds_short_notice(ledger, booked, reminder):
    await look(ledger, booked.received_ms, replace(RULES, minimum_notice_ms=200 * HOUR_MS))

    assert await due(ledger, reminder) == booked.start_ms - 24 * HOUR_MS


async def test_a_dead_reminder_stays_dead_whatever_its_reason(ledger, booked, reminder):
    due_ms = booked.start_ms - 24 * HOUR_MS
    claim = await ledger.deliveries.claim(reminder, worker="w1", now_ms=due_ms)
    assert await ledger.deliveries.settle(claim, "dead", SHORT_NOTICE, now_ms=due_ms)

    await look(ledger, due_ms)

    assert await due(ledger, reminder) is None
    assert (await record_of(ledger, reminder)).status is DeliveryStatus.DEAD


async def test_what_a_booking_no_longer_says_is_deleted(ledger, booked, reminder):
    await ledger.client.hset(keys.guest(CALL), "title", "The title of before")
    await look(ledger, booked.received_ms)

    assert await ledger.client.hget(keys.guest(CALL), "title") is None


@pytest.mark.parametrize(("nurture", "why"), [("hold", "held"), ("stop", "exited")])
async def test_booking_holds_or_ends_the_enrollment_as_the_campaign_says(ledger, ada, booked, reminder, nurture, why):
    now_ms = booked.received_ms
    await ledger.signups.accept(replace(ada, email=BORIS), webhook_id="signup:1", received_ms=now_ms)
    await ledger.signups.enroll(await ledger.enrollments.get(WHO), now_ms=now_ms, announce=False)

    await look(ledger, now_ms, nurture=nurture)

    assert (await ledger.deliveries.claim(step_delivery_id(WHO, 1), worker="w1", now_ms=now_ms)).reason == why


async def test_booking_hold_ends_with_its_reason(ledger, ada, booked, reminder):
    now_ms = booked.received_ms
    await ledger.signups.accept(replace(ada, email=BORIS), webhook_id="signup:1", received_ms=now_ms)
    await ledger.signups.enroll(await ledger.enrollments.get(WHO), now_ms=now_ms, announce=False)
    await look(ledger, now_ms, nurture="hold")
    assert await due(ledger, step_delivery_id(WHO, 1)) is None

    await look(ledger, now_ms, nurture="release")

    assert await due(ledger, step_delivery_id(WHO, 1)) == now_ms


async def test_processed_booking_is_not_processed_again_without_a_new_event(ledger, booked, reminder):
    assert await ledger.client.zscore(keys.BOOKINGS, CALL) is None

    await ledger.client.delete(keys.delayed("bookings"))
    assert await ledger.schedule.sweep("0", now_ms=booked.received_ms + 60_000) == ("0", [])
