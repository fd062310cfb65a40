"""
Whose call a booking is: its guests, and the events that concern each of them.

A booking has one guest, its first attendee, whatever the address; one with seats has as many as it has attendees. Each
guest has an own state and own reminders, `series.py` says which.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from common.domain.booking import BookingEvent, BookingKind
from common.domain.ids import BookingId, GuestId, booking_id, seat_id

CHANGES_OF_DETAILS = (BookingKind.REASSIGNED, BookingKind.RELOCATED)
"""Who holds the call and where; they concern every guest."""

_CONCERNS_ALL = (*CHANGES_OF_DETAILS, BookingKind.ENDED, BookingKind.NO_SHOW)
_DECIDING = (
    BookingKind.REQUESTED,
    BookingKind.CREATED,
    BookingKind.RESCHEDULED,
    BookingKind.REJECTED,
    BookingKind.CANCELLED,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """
    One guest of one booking, and what concerns them: in each event, only what it says of this person.

    `seat`: the address that has the seat; None: the booking has no seats, and this is its only guest.
    """

    id: GuestId
    uid: str
    seat: str | None
    events: tuple[BookingEvent, ...]

    @property
    def deciding(self) -> list[BookingEvent]:
        """
        Those that decide the state. Where they were all lost, what ended, or was given to another host, was booked.
        """
        deciding = [event for event in self.events if event.kind in _DECIDING]
        fallback = (*CHANGES_OF_DETAILS, BookingKind.ENDED)
        return deciding or [event for event in self.events if event.kind in fallback]

    @property
    def is_moved_away(self) -> bool:
        """It was moved, and nobody knows to which booking."""
        return any(event.kind is BookingKind.LOST_MOVE for event in self.events)


def guests_of(events: Iterable[BookingEvent], first_guests: Mapping[BookingId, str]) -> list[Guest]:
    """
    Every guest of every booking that these events are about.

    `first_guests`: by booking, the address that holds the booking's own id, from before it was known to have seats;
    this guest keeps it, so that their reminders go on under the same names.
    """
    by_uid: dict[str, list[BookingEvent]] = defaultdict(list)
    for event in events:
        by_uid[event.uid].append(event)
    return [guest for uid, own in by_uid.items() for guest in _guests(uid, own, first_guests.get(booking_id(uid)))]


def concerns(event: BookingEvent, seat: str | None) -> bool:
    """Whether an event about a booking is about this guest: one that it names, or any when it names nobody."""
    named = event.attendees
    return seat is None or event.kind in _CONCERNS_ALL or not named or any(one.email == seat for one in named)


def events_about(address: str, events: Sequence[BookingEvent]) -> tuple[BookingEvent, ...]:
    """Of the events of one booking, those that concern the guest with this address, without the names of others."""
    if not any(event.is_seated for event in events):
        return tuple(events)
    return tuple(event.about(address) for event in events if concerns(event, address))


def _guests(uid: str, events: Sequence[BookingEvent], first_guest: str | None) -> list[Guest]:
    booking = booking_id(uid)
    seats = _seats(events)
    if not seats:
        return [Guest(id=booking, uid=uid, seat=None, events=tuple(events))]
    return [
        Guest(
            id=booking if seat == first_guest else seat_id(booking, seat),
            uid=uid,
            seat=seat,
            events=events_about(seat, events),
        )
        for seat in seats
    ]


def _seats(events: Sequence[BookingEvent]) -> list[str]:
    """The addresses that have, or had, a seat; none where no event says that there are seats. A mark names anybody."""
    if not any(event.is_seated for event in events):
        return []
    named = {one.email for event in events if event.kind is not BookingKind.NO_SHOW for one in event.attendees}
    return sorted(named)
