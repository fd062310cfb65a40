"""The answer to a booking's webhook, and what is stored about the contact who booked."""

from __future__ import annotations

from dataclasses import replace

from common.domain.booking import BookingKind
from common.domain.ids import booking_id, enrollment_id
from common.ledger import keys
from common.ledger.bookings import BookingAnswer
from common.ledger.ledger import Ledger
from tests.ledger.planned import write_calls, write_unmarked_call
from tests.ledger.test_bookings_transitions import BORIS, WHO, booked, tell


async def test_repeated_booking_webhook_gets_the_first_answer_whatever_it_contains(ledger: Ledger, clock) -> None:
    first = booked(clock)
    answer = BookingAnswer(
        repeated=False,
        kind=BookingKind.CREATED,
        booking_uid="A",
        email=BORIS,
        meeting_time_ms=first.start_ms,
        received_ms=first.received_ms,
    )
    other = replace(first, kind=BookingKind.CANCELLED, email=None, received_ms=first.received_ms + 5)

    assert await ledger.bookings.accept(first, webhook_id="calcom:1") == answer
    assert await ledger.bookings.accept(other, webhook_id="calcom:1") == replace(answer, repeated=True)


async def test_contact_who_booked_without_an_assessment_is_stored_with_address_and_name(ledger: Ledger, clock) -> None:
    await tell(ledger.bookings, booked(clock, first_name="Zoë"))

    kept = await ledger.store.read_hash(keys.contact(WHO))
    assert (kept["email"], kept["first_name"]) == (BORIS, "Zoë")
    assert enrollment_id("christmas_2025", BORIS) == WHO


async def test_joined_bookings_are_gathered_together_from_either_one(ledger: Ledger, clock) -> None:
    for event in (booked(clock), booked(clock, uid="other")):
        await ledger.bookings.accept(event, webhook_id=f"calcom:{event.uid}")
    one, other = booking_id("A"), booking_id("other")

    assert await ledger.bookings.join(one, other)
    for each in (one, other):
        assert {event.uid for event in (await ledger.bookings.gather(each)).events} == {"A", "other"}


async def test_booking_is_not_joined_with_a_missing_booking(ledger: Ledger, clock) -> None:
    await ledger.bookings.accept(booked(clock), webhook_id="calcom:1")

    assert not await ledger.bookings.join(booking_id("A"), booking_id("forgotten"))
    assert await ledger.client.exists(keys.PREFIX + f"links:{booking_id('A')}") == 0


async def test_unmarked_call_is_listed_until_its_result_is_reported(ledger: Ledger, clock) -> None:
    guest = await write_unmarked_call(ledger, "ada", now_ms=clock.now_ms())
    [call] = await ledger.unmarked_calls.read_all()
    assert (guest, "ada@example.org") == (call.id, call.booking.email)

    await write_calls(ledger, [call.marked("completed", now_ms=clock.now_ms())], clock.now_ms())
    assert await ledger.unmarked_calls.read_all() == []
