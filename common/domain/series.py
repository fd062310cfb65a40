"""
The state of bookings: a pure function of the set of their events, which may arrive in any order, twice or late.

A series is a chain of bookings joined by `rescheduleUid`, or by a change of host (`handovers.py`). For each guest one
booking of the series is current; the others were moved.
Recurring bookings share only an iCalUID: each is a series of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import product
from typing import TypeVar

from common.domain.booking import BookingEvent, BookingKind
from common.domain.guests import CHANGES_OF_DETAILS, Guest, concerns, guests_of
from common.domain.handovers import handovers
from common.domain.ids import BookingId, GuestId

T = TypeVar("T")


class BookingState(StrEnum):
    """The state of one booking. All but the first are also reasons why its reminders are skipped."""

    BOOKED = "booked"
    AWAITING = "awaiting confirmation"
    MOVED = "moved"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    COMPLETED = "completed"
    NO_SHOW = "no-show"
    UNMARKED = "unmarked"
    """The call ended, and nobody reported how it went. `follow_ups.as_of` sets this state; no event does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """
    The booking of one guest, computed from its series. None: unknown.

    `id`: the guest's id. `starts_ms`: all starts it ever had, including `start_ms`. `received_ms`: arrival of the event
    that decides the state; reminders and minimum notice count from it. `reschedule_requested`: the host cancelled and
    asks for another time. `sms_number`: the number given for reminders by SMS. `was_reassigned`: the same call under
    another host; its notice is not checked again. `ical_uid`: the call's id in calendars, the same for all bookings of
    its chain. `sequence`: its count of changes in calendars; it rises with each change. `reschedule_url`, `cancel_url`:
    the Cal.com pages on which the guest can change it. `chain`: the guest ids of all bookings that were moved from one
    to the next, including this one.
    """

    id: GuestId
    uid: str
    state: BookingState
    received_ms: int
    start_ms: int | None = None
    end_ms: int | None = None
    starts_ms: tuple[int, ...] = ()
    email: str | None = None
    first_name: str | None = None
    timezone: str | None = None
    title: str | None = None
    join_url: str | None = None
    place: str | None = None
    organizer: str | None = None
    locale: str | None = None
    sms_number: str | None = None
    reschedule_requested: bool = False
    was_reassigned: bool = False
    ical_uid: str | None = None
    sequence: int = 0
    reschedule_url: str | None = None
    cancel_url: str | None = None
    chain: tuple[GuestId, ...] = ()


_RANK = {
    BookingKind.ENDED: 0,
    BookingKind.REASSIGNED: 0,
    BookingKind.RELOCATED: 0,
    BookingKind.REQUESTED: 1,
    BookingKind.CREATED: 2,
    BookingKind.RESCHEDULED: 3,
    BookingKind.REJECTED: 4,
    BookingKind.CANCELLED: 5,
}
_STATE_OF = {
    # These three decide only when no deciding event is known: a call that ended or was changed had been booked.
    BookingKind.ENDED: BookingState.BOOKED,
    BookingKind.REASSIGNED: BookingState.BOOKED,
    BookingKind.RELOCATED: BookingState.BOOKED,
    BookingKind.REQUESTED: BookingState.AWAITING,
    BookingKind.CREATED: BookingState.BOOKED,
    BookingKind.RESCHEDULED: BookingState.BOOKED,
    BookingKind.REJECTED: BookingState.REJECTED,
    BookingKind.CANCELLED: BookingState.CANCELLED,
}


def resolve(
    events: Collection[BookingEvent], first_guests: Mapping[BookingId, str] | None = None
) -> tuple[Booking, ...]:
    """
    Return the bookings of the series in `events`, one for each guest, sorted by id.

    A guest is left out while only no-show marks or a lost move are known. `first_guests`: see `guests_of`.

    An event with a `reschedule_uid` replaces the booking of that uid for the guests that the event concerns, whatever
    other events say about it. Among the remaining events the newest decides: by sequence where events have one, then by
    time, then cancelled before rescheduled before created.
    """
    guests = [guest for guest in guests_of(events, first_guests or {}) if guest.deciding]
    moves = [pair for event in events for pair in _replaced(event, guests)]
    named = {guest.id: names for chain in _chains(guests, moves) for names in [_names(chain)] for guest in chain}
    given = list(handovers(guests))
    replaced = _Links(moved={old for _, old in [*moves, *given]}, given={new for new, _ in given}, names=named)
    found = [booking for chain in _chains(guests, [*moves, *given]) for booking in _of_chain(chain, replaced)]
    return tuple(sorted(found, key=lambda booking: booking.id))


_Replaced = tuple[GuestId, GuestId]
"""The guest id in the new booking, and the same person's guest id in the booking that it replaced."""


def _replaced(event: BookingEvent, guests: Sequence[Guest]) -> Iterator[_Replaced]:
    """Yield the pairs of guests for the bookings that this event moved."""
    if event.reschedule_uid in (None, event.uid):
        return
    news = [guest for guest in guests if guest.uid == event.uid and concerns(event, guest.seat)]
    olds = [guest for guest in guests if guest.uid == event.reschedule_uid and concerns(event, guest.seat)]
    for new, old in product(news, olds):
        is_same = None in (old.seat, new.seat) or old.seat == new.seat
        if is_same and not _is_taken_again(old, event):
            yield new.id, old.id


def _is_taken_again(old: Guest, move: BookingEvent) -> bool:
    """Whether the guest took the seat again after the move. A moved booking without seats never comes back."""
    decided = newest(old.deciding)
    is_booking = decided.kind in (BookingKind.REQUESTED, BookingKind.CREATED, BookingKind.RESCHEDULED)
    return old.seat is not None and is_booking and decided.event_ms > move.event_ms


def _chains(guests: Sequence[Guest], replaced: Sequence[_Replaced]) -> list[list[Guest]]:
    """Group the guests into chains: lists of guests whose bookings were moved from one to the next."""
    chain_of = {guest.id: [guest] for guest in guests}
    for one, other in replaced:
        joined, absorbed = chain_of[one], chain_of[other]
        if joined is not absorbed:
            joined += absorbed
            chain_of |= {guest.id: joined for guest in absorbed}
    return list({id(chain): chain for chain in chain_of.values()}.values())


@dataclass(frozen=True, slots=True)
class _Links:
    """
    How the bookings are connected.

    `moved`: guests whose booking was replaced by another one. `given`: guests of the new booking after a change of
    host. `names`: the iCalUID and the sequence of each guest; all bookings of one chain of moves share them.
    """

    moved: Collection[GuestId]
    given: Collection[GuestId]
    names: Mapping[GuestId, tuple[str, int]]


def _names(chain: Sequence[Guest]) -> tuple[str, int]:
    all_events = _newest_first(event for guest in chain for event in guest.events)
    return _ical_uid(all_events), _sequence(all_events)


def _of_chain(chain: Sequence[Guest], links: _Links) -> Iterator[Booking]:
    """Yield the bookings of a chain. At most one is current; none is after a move to an unknown booking."""
    moved = {*links.moved} | {guest.id for guest in chain if guest.is_moved_away}
    candidates = [guest for guest in chain if guest.id not in moved]
    if not candidates and not any(guest.is_moved_away for guest in chain):
        candidates = list(chain)  # They replace each other in a circle.
    current = _newest_of(candidates) if candidates else None
    all_events = _newest_first(event for guest in chain for event in guest.events)
    ids = tuple(sorted(guest.id for guest in chain))
    for guest in chain:
        booking = _booking(guest, newest(guest.deciding), all_events, moved=guest is not current)
        uid, sequence = links.names[guest.id]
        was_reassigned = booking.was_reassigned or guest.id in links.given
        yield replace(booking, ical_uid=uid, sequence=sequence, chain=ids, was_reassigned=was_reassigned)


def _ical_uid(newest_first: Sequence[BookingEvent]) -> str:
    """Return the reported iCalUID, or the one that Cal.com makes from the uid of the chain's first booking."""
    reported = [event.ical_uid for event in newest_first if event.ical_uid is not None]
    if reported:
        return reported[-1]
    moved_to = {event.uid for event in newest_first if event.reschedule_uid not in (None, event.uid)}
    named = [event.reschedule_uid or event.uid for event in reversed(newest_first)]
    return f"{next((uid for uid in named if uid not in moved_to), newest_first[-1].uid)}@Cal.com"


def _sequence(events: Sequence[BookingEvent]) -> int:
    """
    Return the highest sequence reported, but at least the number of moves, because Cal.com does not always report it.
    """
    moves = {event.uid for event in events if event.reschedule_uid not in (None, event.uid)}
    return max([len(moves), *(event.sequence for event in events if event.sequence is not None)])


def _newest_of(guests: Sequence[Guest]) -> Guest:
    decided = newest([event for guest in guests for event in guest.deciding])
    return next(guest for guest in guests if guest.uid == decided.uid and decided in guest.deciding)


def newest(events: Sequence[BookingEvent]) -> BookingEvent:
    """
    Return the event that decides the state. Raises ValueError if there are no events.

    Some events have a sequence and others do not, so comparing pairs could run in a circle. Therefore the events with
    a lower sequence are removed first, and time decides among the rest.
    """
    sequences = [event.sequence for event in events if event.sequence is not None]
    highest = max(sequences, default=None)
    return max((event for event in events if event.sequence in (None, highest)), key=_time)


def _time(event: BookingEvent) -> tuple[int, int, str]:
    return event.event_ms, _RANK.get(event.kind, 0), event.digest()


def _newest_first(events: Iterable[BookingEvent]) -> list[BookingEvent]:
    return sorted(events, key=_time, reverse=True)


def _booking(
    guest: Guest,
    decided: BookingEvent,
    all_events: Sequence[BookingEvent],
    *,
    moved: bool,
) -> Booking:
    own = [event for event in guest.events if event.kind is not BookingKind.LOST_MOVE]
    by_age = [decided, *_newest_first(own)]
    details = [*_later_details(own, decided), *by_age]
    join_url, place = _place(details)
    person = [*by_age, *all_events]
    email = guest.seat or _first(event.email for event in person if event.kind is not BookingKind.NO_SHOW)
    return Booking(
        id=guest.id,
        uid=guest.uid,
        state=BookingState.MOVED if moved else _state_after_call(own, _STATE_OF[decided.kind], email),
        received_ms=decided.received_ms,
        start_ms=_first(event.start_ms for event in by_age),
        end_ms=_first(event.end_ms for event in by_age),
        starts_ms=tuple(sorted({event.start_ms for event in own if event.start_ms is not None})),
        email=email,
        first_name=_first(event.first_name for event in person if event.email in (None, email)),
        timezone=_first(event.timezone for event in person if event.email in (None, email)),
        locale=_first(event.locale for event in person if event.email in (None, email)),
        sms_number=_first(event.sms_number for event in person if event.email in (None, email)),
        title=_first(event.title for event in details),
        join_url=join_url,
        place=place,
        organizer=_first(event.organizer for event in details),
        reschedule_requested=decided.request_reschedule,
        was_reassigned=decided.kind is BookingKind.REASSIGNED,
        reschedule_url=_first(event.reschedule_url for event in by_age),
        cancel_url=_first(event.cancel_url for event in by_age),
    )


def _later_details(own: Sequence[BookingEvent], decided: BookingEvent) -> list[BookingEvent]:
    """Return the changes of host or place that happened after the deciding event, newest first."""
    changes = [event for event in own if event.kind in CHANGES_OF_DETAILS and event.event_ms >= decided.event_ms]
    return _newest_first(changes)


def _place(newest_first: Iterable[BookingEvent]) -> tuple[str | None, str | None]:
    """
    Return the call's link, and where it takes place if it has no link. A RELOCATED event replaces the place before it
    even if it has no link; other events without a place leave it as it was.
    """
    for event in newest_first:
        if event.join_url is not None or event.place is not None or event.kind is BookingKind.RELOCATED:
            return event.join_url, event.place
    return None, None


def _state_after_call(own: Sequence[BookingEvent], state: BookingState, email: str | None) -> BookingState:
    """
    Return how the meeting went if it was booked, otherwise `state`. The guest's newest no-show mark counts; marks of
    other attendees are ignored.
    """
    if state is not BookingState.BOOKED:
        return state
    for event in _newest_first(event for event in own if event.kind is BookingKind.NO_SHOW):
        marks = [absent for address, absent in event.no_shows if email is None or address == email]
        if marks and marks[-1]:
            return BookingState.NO_SHOW
        if marks:
            break
    ended = any(event.kind is BookingKind.ENDED for event in own)
    return BookingState.COMPLETED if ended else state


def _first(values: Iterable[T | None]) -> T | None:
    return next((value for value in values if value is not None), None)
