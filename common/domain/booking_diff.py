"""Compares a booking in Cal.com's list with the events received, and makes the events that are missing."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from common.domain.booking import BookingEvent, BookingKind
from common.domain.series import Booking, BookingState

Status = Literal["accepted", "pending", "cancelled", "rejected"]

_KINDS: dict[Status, BookingKind] = {
    "accepted": BookingKind.CREATED,
    "pending": BookingKind.REQUESTED,
    "cancelled": BookingKind.CANCELLED,
    "rejected": BookingKind.REJECTED,
}
_AGREEING: dict[Status, tuple[BookingState, ...]] = {
    "accepted": (BookingState.BOOKED, BookingState.COMPLETED, BookingState.NO_SHOW),
    "pending": (BookingState.AWAITING,),
    "cancelled": (BookingState.CANCELLED,),
    "rejected": (BookingState.REJECTED,),
}
UNSEEN_MS = 600_000
"""
How long to wait for the booking that replaces a moved one; after that, the moved one is only known to be over. A change
of a seat counts as settled after the same time.
"""

_OVER: tuple[Status, ...] = ("cancelled", "rejected")
_OPEN_STATES = (BookingState.BOOKED, BookingState.AWAITING)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedSeat:
    """An attendee who has a seat. `sms_number`: as in `booking.Attendee`."""

    email: str
    first_name: str | None = None
    timezone: str | None = None
    locale: str | None = None
    sms_number: str | None = None
    is_absent: bool = False


_NOBODY: dict[str, Any] = {**asdict(ListedSeat(email="")), "email": None}
"""The fields of `ListedBooking` about its guest, when the list does not say whom it means."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedBooking:
    """
    One booking as Cal.com lists it. None: not listed.

    `updated_ms`: its last change. `moved_from`, `moved_to`: the uids of the bookings before and after it. `sms_number`,
    `organizer_email`: as in `BookingEvent`. `is_absent`: the first attendee is marked as a no-show (a host's absence
    does not set it). `event_types`: the id and the slug of its event type. `seats`: the attendees of a booking with
    seats. `some_seats_unread`: it has further seats whose addresses cannot be read. `is_seat`: this object stands for a
    single seat of the booking.
    """

    uid: str
    status: Status
    created_ms: int
    updated_ms: int | None
    start_ms: int
    end_ms: int
    email: str | None
    moved_from: str | None = None
    moved_to: str | None = None
    ical_uid: str | None = None
    first_name: str | None = None
    timezone: str | None = None
    locale: str | None = None
    sms_number: str | None = None
    title: str | None = None
    join_url: str | None = None
    place: str | None = None
    organizer: str | None = None
    organizer_email: str | None = None
    is_absent: bool = False
    event_types: tuple[str, ...] = ()
    seats: tuple[ListedSeat, ...] = ()
    some_seats_unread: bool = False
    is_seat: bool = False

    def counts(self, types: Collection[str]) -> bool:
        """Whether the event type is one of `types` (ids or slugs). True if `types` is empty or no type is listed."""
        return not types or not self.event_types or not set(types).isdisjoint(self.event_types)


def unreported(
    listed: ListedBooking, series: Sequence[Booking], events: Sequence[BookingEvent], *, now_ms: int
) -> list[BookingEvent]:
    """
    Return the events of a listed booking that no webhook has reported; empty when nothing relevant is missing.

    `series`, `events`: the known bookings and events of its series. A new event gets the time of the booking's last
    change, so events that webhooks reported after it stay newer. A move is found through the new booking; while the new
    booking stays unseen for long, the call counts as over.
    """
    own = [event for event in events if event.uid == listed.uid]
    known = [booking for booking in series if booking.uid == listed.uid]
    if listed.seats:
        return [*_of_seats(listed, known, own, now_ms), *_of_left_seats(listed, known, now_ms)]
    if any(event.is_seated for event in own):
        # The list does not say who has the seats, so the events concern all guests.
        any_guest = replace(listed, **_NOBODY)
        found = [event for guest in known for event in _unreported(any_guest, guest, own, now_ms)]
        return list(dict.fromkeys(found)) if known else _unreported(any_guest, None, own, now_ms)
    return _unreported(listed, next(iter(known), None), own, now_ms)


def _of_seats(
    listed: ListedBooking, known: Sequence[Booking], events: Sequence[BookingEvent], now_ms: int
) -> Iterator[BookingEvent]:
    """Yield the missing events of each listed seat. Seats move one by one: the booking's own links do not apply."""
    for seat in listed.seats:
        guest = next((booking for booking in known if booking.email == seat.email), None)
        row = replace(listed, **asdict(seat), moved_from=None, moved_to=None, seats=(), is_seat=True)
        if guest is None or not _taken_again(row, guest):
            yield from _unreported(row, guest, events, now_ms)
        elif now_ms - guest.received_ms >= UNSEEN_MS:
            # The list does not say when the seat was taken again, so the event gets the time of this reading.
            yield from _unreported(replace(row, updated_ms=now_ms), guest, events, now_ms)


def _taken_again(row: ListedBooking, guest: Booking) -> bool:
    """Whether a guest has taken again a seat that they had given up. Bookings without seats never come back."""
    return row.status not in _OVER and guest.state is BookingState.CANCELLED


def _of_left_seats(listed: ListedBooking, known: Sequence[Booking], now_ms: int) -> Iterator[BookingEvent]:
    """
    Yield a cancellation for each seat that is no longer listed, except one reported so recently that it may not be
    listed yet.

    While the address of a listed seat cannot be read, it may belong to any guest, so nobody counts as gone.
    """
    if listed.some_seats_unread and listed.status not in _OVER:
        return
    seats = {seat.email for seat in listed.seats}
    for guest in known:
        is_settled = now_ms - guest.received_ms >= UNSEEN_MS
        if guest.email not in (None, *seats) and guest.state in _OPEN_STATES and is_settled:
            left = replace(listed, **_NOBODY | {"email": guest.email}, status="cancelled", is_seat=True)
            yield _event(replace(left, moved_from=None, updated_ms=None), BookingKind.CANCELLED, now_ms)


def _unreported(
    listed: ListedBooking, known: Booking | None, events: Sequence[BookingEvent], now_ms: int
) -> list[BookingEvent]:
    if known is not None and known.state is BookingState.MOVED:
        return []
    if listed.moved_to is not None and now_ms - (listed.updated_ms or listed.created_ms) < UNSEEN_MS:
        return []
    link_missing = listed.moved_from is not None and not any(
        (event.uid, event.reschedule_uid) == (listed.uid, listed.moved_from) for event in events
    )
    if known is None and listed.status in _OVER and not link_missing:
        return []  # It is unknown here and over: nothing is left to do.
    found = [] if _agree(listed, known) and not link_missing else [_event(listed, _kind(listed), now_ms)]
    if not found and known is not None and _has_other_details(listed, known, events):
        found = [_event(listed, BookingKind.REASSIGNED, now_ms)]
    return [*found, *_outcome_events(listed, known, now_ms)]


def _has_other_details(listed: ListedBooking, known: Booking, events: Sequence[BookingEvent]) -> bool:
    """Whether the host or the place differs, through a change after the last reported event of this booking."""
    if listed.status != "accepted" or (listed.updated_ms or 0) <= max(event.event_ms for event in events):
        return False
    pairs = ((listed.organizer, known.organizer), (listed.join_url, known.join_url))
    return any(listed_one not in (None, known_one) for listed_one, known_one in pairs)


def _agree(listed: ListedBooking, known: Booking | None) -> bool:
    """
    Whether the known booking matches the listed one. The guest's address may differ, because people correct it by hand;
    a different start means that the booking was moved.
    """
    return (
        known is not None
        and known.state in _AGREEING[listed.status]
        and known.start_ms in (None, listed.start_ms)
        and (known.start_ms is not None or listed.status in _OVER)
        and (known.email is not None or listed.email is None)
    )


def _outcome_events(listed: ListedBooking, known: Booking | None, now_ms: int) -> Iterator[BookingEvent]:
    """
    Yield how the meeting went, where unreported. A withdrawn no-show mark is ignored: the list does not say when that
    happened.
    """
    state = known.state if known is not None and known.state in _AGREEING["accepted"] else BookingState.BOOKED
    if listed.status != "accepted" or listed.end_ms > now_ms:
        return
    if state is BookingState.BOOKED:
        yield replace(_event(listed, BookingKind.ENDED, now_ms), event_ms=listed.end_ms)
    if listed.is_absent and listed.email is not None and state is not BookingState.NO_SHOW:
        event_ms = max(listed.end_ms, listed.updated_ms or 0)
        marks = ((listed.email, True),)
        yield replace(_event(listed, BookingKind.NO_SHOW, now_ms), event_ms=event_ms, no_shows=marks)


def _kind(listed: ListedBooking) -> BookingKind:
    if listed.status == "accepted" and listed.moved_from is not None:
        return BookingKind.RESCHEDULED
    return _KINDS[listed.status]


def _event(listed: ListedBooking, kind: BookingKind, now_ms: int) -> BookingEvent:
    return BookingEvent(
        kind=kind,
        uid=listed.uid,
        event_ms=_changed_ms(listed, now_ms),
        received_ms=now_ms,
        reschedule_uid=listed.moved_from,
        ical_uid=listed.ical_uid,
        start_ms=listed.start_ms,
        end_ms=listed.end_ms,
        email=listed.email,
        first_name=listed.first_name,
        timezone=listed.timezone,
        locale=listed.locale,
        sms_number=listed.sms_number,
        title=listed.title,
        join_url=listed.join_url,
        place=listed.place,
        organizer=listed.organizer,
        organizer_email=listed.organizer_email,
        event_type=next(iter(listed.event_types), None),
        is_seated=listed.is_seat,
    )


def _changed_ms(listed: ListedBooking, now_ms: int) -> int:
    """
    Return when the booking changed. Where the list does not say: now for a booking that is over, since it never comes
    back; for any other its creation.
    """
    if listed.updated_ms is not None:
        return listed.updated_ms
    return now_ms if listed.status in _OVER else listed.created_ms
