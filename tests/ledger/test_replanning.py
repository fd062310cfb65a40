"""What changes when a booking is processed again, and what stays."""

from __future__ import annotations

from dataclasses import replace

import pytest

from common.domain.booking import BookingEvent, BookingKind
from common.domain.ids import booking_id, enrollment_id, reminder_delivery_id, step_delivery_id
from common.domain.reminders import ReminderRules, reminders_of
from common.domain.series import resolve
from common.ledger import keys
from common.ledger.bookings import BookingOutcome
from common.ledger.ledger import Ledger

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


async def test_a_reminder_whose_hour_has_changed_is_due_at_the_new_one(ledger, booked, reminder):
    await look(ledger, booked.received_ms, EARLIER)

    assert await due(ledger, reminder) == booked.start_ms - 25 * HOUR_MS
    assert await ledger.client.zscore(keys.OPEN, reminder) == booked.start_ms - 25 * HOUR_MS


async def test_a_reminder_that_was_tried_keeps_the_place_that_its_try_gave_it(ledger, booked, reminder):
    due_ms = booked.start_ms - 24 * HOUR_MS
    claim = await ledger.deliveries.claim(reminder, worker="w1", now_ms=due_ms)
    await ledger.deliveries.freeze(claim, "mail", now_ms=due_ms)
    await ledger.deliveries.settle(claim, "retry", "503", now_ms=due_ms, due_ms=due_ms + 60_000)

    await look(ledger, due_ms, EARLIER)

    assert await due(ledger, reminder) == due_ms + 60_000


@pytest.mark.parametrize(("nurture", "why"), [("hold", "held"), ("stop", "exited")])
async def test_a_booking_holds_or_ends_the_sequence_as_the_campaign_says(ledger, ada, booked, reminder, nurture, why):
    now_ms = booked.received_ms
    await ledger.signups.accept(replace(ada, email=BORIS), webhook_id="signup:1", received_ms=now_ms)
    await ledger.signups.enroll(await ledger.enrollments.get(WHO), now_ms=now_ms, announce=False)

    await look(ledger, now_ms, nurture=nurture)

    assert (await ledger.deliveries.claim(step_delivery_id(WHO, 1), worker="w1", now_ms=now_ms)).reason == why


async def test_a_hold_ends_with_the_reason_for_it(ledger, ada, booked, reminder):
    now_ms = booked.received_ms
    await ledger.signups.accept(replace(ada, email=BORIS), webhook_id="signup:1", received_ms=now_ms)
    await ledger.signups.enroll(await ledger.enrollments.get(WHO), now_ms=now_ms, announce=False)
    await look(ledger, now_ms, nurture="hold")
    assert await due(ledger, step_delivery_id(WHO, 1)) is None

    await look(ledger, now_ms, nurture="release")

    assert await due(ledger, step_delivery_id(WHO, 1)) == now_ms


async def test_a_booking_that_was_looked_at_is_looked_at_no_more_until_something_happens(ledger, booked, reminder):
    assert await ledger.client.zscore(keys.BOOKINGS, CALL) is None

    await ledger.client.delete(keys.delayed("bookings"))
    assert await ledger.schedule.sweep("0", now_ms=booked.received_ms + 60_000) == ("0", [])
