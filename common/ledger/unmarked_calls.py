"""Calls that are over and of which nobody reported how they went, until a person does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from common.domain.booking import BookingEvent, BookingKind
from common.domain.contact_booking_status import in_short
from common.domain.ids import GuestId
from common.domain.series import Booking
from common.ledger import keys
from common.ledger.booking_codec import read_booking
from common.ledger.store import Store, texts

Mark = Literal["completed", "no-show"]


@dataclass(frozen=True, slots=True)
class UnmarkedCall:
    """`id`: of the guest, see `Booking.id`. `contact`: whose it is."""

    id: GuestId
    contact: str
    booking: Booking

    @property
    def end_ms(self) -> int:
        return in_short(self.booking).end_ms

    def marked(self, mark: Mark, *, now_ms: int) -> BookingEvent:
        """What Cal.com would have sent of this guest alone: that they were absent, or were not."""
        return BookingEvent(
            kind=BookingKind.NO_SHOW,
            uid=self.booking.uid,
            event_ms=now_ms,
            received_ms=now_ms,
            no_shows=((self.booking.email or "", mark == "no-show"),),
        )


class UnmarkedCalls:
    """Of all campaigns of the store. Raises as `Store.run` does."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def read_all(self) -> list[UnmarkedCall]:
        """All of them, the one that ended first at the head."""
        guests = texts([*await self._store.patiently(lambda: self._store.client.smembers(keys.UNMARKED))])
        found = [(guest, await self._store.read_hash(keys.guest(guest))) for guest in guests]
        calls = [
            UnmarkedCall(GuestId(guest), fields.get("contact", ""), read_booking(guest, fields))
            for guest, fields in found
            if fields
        ]
        return sorted(calls, key=lambda call: (call.end_ms, call.id))
