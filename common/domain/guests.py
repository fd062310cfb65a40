"""
The guests of a booking, and the events that concern each of them.

A booking has one guest, its first attendee, even if the address changes. A booking with seats has one guest for each
attendee. Each guest has their own state (`series.py`) and their own reminders.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from common.domain.booking import BookingEvent, BookingKind
from common.domain.ids import BookingId, GuestId, booking_id, seat_id

CHANGES_OF_DETAILS = (BookingKind.REASSIGNED, BookingKind.RELOCATED)
"""Changes of the host or the place; they concern every guest."""

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
    One guest of one booking.

    `seat`: the address that has the seat; None: the booking has no seats, and this is its only guest. `events`: the
    events that concern them; with seats, each event contains this person's data only.
    """

    id: GuestId
    uid: str
    seat: str | None
    events: tuple[BookingEvent, ...]

    @property
    def deciding(self) -> list[BookingEvent]:
        """
        The events that decide the state. If all of these were lost, the reports of its end or of another host or place
        take their part: a call that ended or was changed had been booked.
        """
        deciding = [event for event in self.events if event.kind in _DECIDING]
        fallback = (*CHANGES_OF_DETAILS, BookingKind.ENDED)
        return deciding or [event for event in self.events if event.kind in fallback]

    @property
    def is_moved_away(self) -> bool:
        """Whether the booking was moved to an unknown booking."""
        return any(event.kind is BookingKind.LOST_MOVE for event in self.events)


def guests_of(events: Iterable[BookingEvent], first_guests: Mapping[BookingId, str]) -> list[Guest]:
    """
    Return every guest of every booking in `events`.

    `first_guests`: maps a booking to the address of the guest who got the booking's own id before its seats were known.
    This guest keeps that id, so their reminders keep their ids too.
    """
    by_uid: dict[str, list[BookingEvent]] = defaultdict(list)
    for event in events:
        by_uid[event.uid].append(event)
    return [guest for uid, own in by_uid.items() for guest in _guests(uid, own, first_guests.get(booking_id(uid)))]


def concerns(event: BookingEvent, seat: str | None) -> bool:
    """Whether an event of a booking concerns this guest: it names them, names nobody, or is about the whole booking."""
    named = event.attendees
    return seat is None or event.kind in _CONCERNS_ALL or not named or any(one.email == seat for one in named)


def events_about(address: str, events: Sequence[BookingEvent]) -> tuple[BookingEvent, ...]:
    """
    Return those events of one booking that concern the guest with this address; with seats, without other guests.

    The absence of a host concerns every guest.
    """
    if not any(event.is_seated for event in events):
        return tuple(events)
    hosts = {event.organizer_email for event in events}
    own = [event.about(address, hosts) for event in events if concerns(event, address)]
    return tuple(event for event in own if event.kind is not BookingKind.NO_SHOW or event.no_shows)


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
    """
    Return the addresses that have or had a seat, or nothing when no event mentions seats. No-show marks do not count,
    because they can name anybody.
    """
    if not any(event.is_seated for event in events):
        return []
    named = {one.email for event in events if event.kind is not BookingKind.NO_SHOW for one in event.attendees}
    return sorted(named)
