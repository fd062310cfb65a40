"""What a booking's sender gets as an answer, and what is kept of who booked."""

from __future__ import annotations

from dataclasses import replace

from common.domain.booking import BookingKind
from common.domain.ids import enrollment_id
from common.ledger import keys
from common.ledger.bookings import BookingAnswer
from common.ledger.ledger import Ledger
from tests.ledger.test_bookings_transitions import BORIS, WHO, booked, tell


async def test_a_repetition_is_answered_as_the_first_was_whatever_it_says_itself(ledger: Ledger, clock) -> None:
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


async def test_who_booked_without_an_assessment_is_kept_by_address_and_name(ledger: Ledger, clock) -> None:
    await tell(ledger.bookings, booked(clock, first_name="Zoë"))

    kept = await ledger.store.read_hash(keys.contact(WHO))
    assert (kept["email"], kept["first_name"]) == (BORIS, "Zoë")
    assert enrollment_id("christmas_2025", BORIS) == WHO
