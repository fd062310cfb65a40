"""Unmarked calls: they are over, and nobody has reported how they went. A user can report it here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from common.domain.booking import BookingEvent, BookingKind
from common.domain.contact_booking_status import summarize
from common.domain.ids import GuestId
from common.domain.series import Booking
from common.ledger import keys
from common.ledger.booking_codec import read_booking
from common.ledger.bookings import Bookings
from common.ledger.store import Store, texts

Mark = Literal["completed", "no-show"]
MARKS: Final[tuple[Mark, ...]] = ("completed", "no-show")
_PAGE = 500


@dataclass(frozen=True, slots=True)
class UnmarkedCall:
    """A call without a report. `id`: the guest's id, see `Booking.id`. `contact`: the guest's contact id."""

    id: GuestId
    contact: str
    booking: Booking

    @property
    def end_ms(self) -> int:
        return summarize(self.booking).end_ms

    def marked(self, mark: Mark, *, now_ms: int) -> BookingEvent:
        """Return the event that Cal.com would have sent about this guest only: that they were absent, or were not."""
        return BookingEvent(
            kind=BookingKind.NO_SHOW,
            uid=self.booking.uid,
            event_ms=now_ms,
            received_ms=now_ms,
            no_shows=((self.booking.email or "", mark == "no-show"),),
        )


class UnmarkedCalls:
    """The unmarked calls of all campaigns. Raises as `Store.run` does."""

    def __init__(self, store: Store, bookings: Bookings) -> None:
        self._store, self._bookings = store, bookings

    async def read_all(self) -> list[UnmarkedCall]:
        """Return all unmarked calls, ordered by the time of their end."""
        guests = texts([*await self._store.call(lambda: self._store.client.smembers(keys.UNMARKED))])
        calls: list[UnmarkedCall] = []
        for first in range(0, len(guests), _PAGE):
            calls += await self._read(guests[first : first + _PAGE])
        return sorted(calls, key=lambda call: (call.end_ms, call.id))

    async def get(self, guest: str) -> UnmarkedCall | None:
        """Return an unmarked call, or None if somebody reported how it went, or there is no such call."""
        is_unmarked = await self._store.call(lambda: self._store.client.sismember(keys.UNMARKED, guest))
        return next(iter(await self._read([guest])), None) if is_unmarked else None

    async def mark(self, call: UnmarkedCall, mark: Mark, *, now_ms: int) -> bool:
        """
        Report how a call went, as if Cal.com had reported it now. A worker then removes it from the list and plans what
        follows.

        Returns False, and does nothing, if somebody has reported on this call here before.
        """
        event = call.marked(mark, now_ms=now_ms)
        answer = await self._bookings.accept(event, webhook_id=f"person:{call.id}:{call.end_ms}")
        return not answer.repeated

    async def _read(self, guests: Sequence[str]) -> list[UnmarkedCall]:
        async def read() -> Any:
            pipe = self._store.client.pipeline(transaction=False)
            for guest in guests:
                pipe.hgetall(keys.guest(guest))
            return await pipe.execute()

        found = zip(guests, texts(await self._store.call(read)), strict=True)
        return [
            UnmarkedCall(GuestId(guest), fields.get("contact", ""), read_booking(guest, fields))
            for guest, fields in found
            if fields
        ]
