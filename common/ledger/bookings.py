"""Bookings in the ledger: keep an event, gather its series, write what follows from it. See `domain/series.py`."""

from __future__ import annotations

from dataclasses import dataclass

from common.domain.booking import BookingEvent, BookingKind
from common.ledger.ledger import Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingAnswer:
    """
    What the answer to a booking event is made of: only of what the first event under this webhook id said.

    `repeated`: this webhook id was answered before. `meeting_time_ms`: start of the meeting. `received_ms`: the arrival
    of the event that was answered first. None: the event did not say.
    """

    repeated: bool
    kind: BookingKind
    booking_uid: str
    email: str | None
    meeting_time_ms: int | None
    received_ms: int


class Bookings:
    """The bookings of one ledger. Raises as the ledger does."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    async def accept(self, event: BookingEvent, *, webhook_id: str) -> BookingAnswer:
        """
        Keep an event and ask for its booking to be looked at: one round trip, all or nothing; nothing is decided here.

        `webhook_id` (`calcom:BOOKING_CREATED:uid:createdAt`) is remembered for 45 days; a repetition gets the answer
        that the first one got. An event from the spool is given as it was kept, `received_ms` and all.
        """
        raise NotImplementedError
