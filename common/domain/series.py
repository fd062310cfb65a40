"""
The state of bookings: a pure function of the set of their events, whichever came first, twice or late.

A series is the bookings that `rescheduleUid` joins, or that were given to another host (`handovers.py`). For each guest
one booking of it is current; the others were moved.
Recurring bookings share an iCalUID and nothing else: each is a series of its own.
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
    """Where one booking stands; all but the first are also why its reminders are skipped."""

    BOOKED = "booked"
    AWAITING = "awaiting confirmation"
    MOVED = "moved"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    COMPLETED = "completed"
    NO_SHOW = "no-show"
    UNMARKED = "unmarked"
    """It ended, and nobody said how it went; no event says this, only time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """
    The booking of one guest, as its series says. None: unknown.

    `id`: of the guest. `starts_ms`: all starts it ever had, this one among them. `received_ms`: arrival of the event
    that decided, from which reminders and minimum notice count. `asked_anew`: the host cancelled and asks for another
    time. `sms_number`: the one that was given for reminders by SMS. `was_reassigned`: the same call under another host;
    its notice is not counted again. `ical_uid`: the name of the call in calendars, the same for all bookings of its
    chain; `sequence`: of its changes, which rises with each. `reschedule_url`, `cancel_url`: Cal.com's pages on which
    the guest changes it. `chain`: of the guests whose bookings were moved from one to the next, this one among them.
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
    asked_anew: bool = False
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
_STAND = {
    # Where these are all that is known: what ended, or has another host, was booked.
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
    The bookings of some series, one for each guest, by id; not yet those of which nothing but a no-show is known.

    A `reschedule_uid` supersedes the booking that it names, for the guests whom the event is about, whatever else is
    said of it. Of what remains the newest event decides: by sequence where both carry one, then by time, then cancelled
    over rescheduled over created. `first_guests`: see `guests_of`.
    """
    guests = [guest for guest in guests_of(events, first_guests or {}) if guest.deciding]
    moves = [pair for event in events for pair in _replaced(event, guests)]
    named = {guest.id: names for chain in _chains(guests, moves) for names in [_names(chain)] for guest in chain}
    given = list(handovers(guests))
    replaced = _Links(moved={old for _, old in [*moves, *given]}, given={new for new, _ in given}, names=named)
    found = [booking for chain in _chains(guests, [*moves, *given]) for booking in _of_chain(chain, replaced)]
    return tuple(sorted(found, key=lambda booking: booking.id))


_Replaced = tuple[GuestId, GuestId]
"""A guest of one booking, and the same person's place in the booking that was moved."""


def _replaced(event: BookingEvent, guests: Sequence[Guest]) -> Iterator[_Replaced]:
    """Which guests' bookings this event says were moved, and to which."""
    if event.reschedule_uid in (None, event.uid):
        return
    news = [guest for guest in guests if guest.uid == event.uid and concerns(event, guest.seat)]
    olds = [guest for guest in guests if guest.uid == event.reschedule_uid and concerns(event, guest.seat)]
    for new, old in product(news, olds):
        is_same = None in (old.seat, new.seat) or old.seat == new.seat
        if is_same and not _is_taken_again(old, event):
            yield new.id, old.id


def _is_taken_again(old: Guest, move: BookingEvent) -> bool:
    """A booking that was moved never comes back, but a seat that was given up can be booked again."""
    decided = newest(old.deciding)
    is_booking = decided.kind in (BookingKind.REQUESTED, BookingKind.CREATED, BookingKind.RESCHEDULED)
    return old.seat is not None and is_booking and decided.event_ms > move.event_ms


def _chains(guests: Sequence[Guest], replaced: Sequence[_Replaced]) -> list[list[Guest]]:
    """The guests, those together whose bookings were moved from one to the next."""
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
    `moved`: guests whose booking another one replaced. `given`: to whose booking another host brought the call.
    `names`: iCalUID and sequence of each, which all bookings of one chain of moves share.
    """

    moved: Collection[GuestId]
    given: Collection[GuestId]
    names: Mapping[GuestId, tuple[str, int]]


def _names(chain: Sequence[Guest]) -> tuple[str, int]:
    everything = _newest_first(event for guest in chain for event in guest.events)
    return _ical_uid(everything), _sequence(everything)


def _of_chain(chain: Sequence[Guest], links: _Links) -> Iterator[Booking]:
    """At most one booking of a chain is current; none where it was moved to a booking that nobody knows."""
    moved = {*links.moved} | {guest.id for guest in chain if guest.is_moved_away}
    candidates = [guest for guest in chain if guest.id not in moved]
    if not candidates and not any(guest.is_moved_away for guest in chain):
        candidates = list(chain)  # They supersede each other in a circle.
    current = _newest_of(candidates) if candidates else None
    everything = _newest_first(event for guest in chain for event in guest.events)
    ids = tuple(sorted(guest.id for guest in chain))
    for guest in chain:
        booking = _booking(guest, newest(guest.deciding), everything, moved=guest is not current)
        uid, sequence = links.names[guest.id]
        was_reassigned = booking.was_reassigned or guest.id in links.given
        yield replace(booking, ical_uid=uid, sequence=sequence, chain=ids, was_reassigned=was_reassigned)


def _ical_uid(newest_first: Sequence[BookingEvent]) -> str:
    """As reported; else what Cal.com calls it: by the uid of the first booking of the chain."""
    reported = [event.ical_uid for event in newest_first if event.ical_uid is not None]
    if reported:
        return reported[-1]
    moved_to = {event.uid for event in newest_first if event.reschedule_uid not in (None, event.uid)}
    named = [event.reschedule_uid or event.uid for event in reversed(newest_first)]
    return f"{next((uid for uid in named if uid not in moved_to), newest_first[-1].uid)}@Cal.com"


def _sequence(events: Sequence[BookingEvent]) -> int:
    """The highest that was reported, and not less than the number of moves, since Cal.com does not always report it."""
    moves = {event.uid for event in events if event.reschedule_uid not in (None, event.uid)}
    return max([len(moves), *(event.sequence for event in events if event.sequence is not None)])


def _newest_of(guests: Sequence[Guest]) -> Guest:
    decided = newest([event for guest in guests for event in guest.deciding])
    return next(guest for guest in guests if guest.uid == decided.uid and decided in guest.deciding)


def newest(events: Sequence[BookingEvent]) -> BookingEvent:
    """
    The one that decides. Raises ValueError for none.

    Where some events carry a sequence and others do not, pairs alone could go round in a circle; so the lower
    sequences leave first, and time decides among the rest.
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
    everything: Sequence[BookingEvent],
    *,
    moved: bool,
) -> Booking:
    own = [event for event in guest.events if event.kind is not BookingKind.LOST_MOVE]
    by_age = [decided, *_newest_first(own)]
    details = [*_later_details(own, decided), *by_age]
    join_url, place = _place(details)
    person = [*by_age, *everything]
    email = guest.seat or _first(event.email for event in person if event.kind is not BookingKind.NO_SHOW)
    return Booking(
        id=guest.id,
        uid=guest.uid,
        state=BookingState.MOVED if moved else _after(own, _STAND[decided.kind], email),
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
        asked_anew=decided.request_reschedule,
        was_reassigned=decided.kind is BookingKind.REASSIGNED,
        reschedule_url=_first(event.reschedule_url for event in by_age),
        cancel_url=_first(event.cancel_url for event in by_age),
    )


def _later_details(own: Sequence[BookingEvent], decided: BookingEvent) -> list[BookingEvent]:
    """Another host, or another place, reported after the event that decided."""
    changes = [event for event in own if event.kind in CHANGES_OF_DETAILS and event.event_ms >= decided.event_ms]
    return _newest_first(changes)


def _place(newest_first: Iterable[BookingEvent]) -> tuple[str | None, str | None]:
    """
    The call's web address, and how it takes place without one. A new place ends the one before, also where it has no
    address; other events merely do not repeat it.
    """
    for event in newest_first:
        if event.join_url is not None or event.place is not None or event.kind is BookingKind.RELOCATED:
            return event.join_url, event.place
    return None, None


def _after(own: Sequence[BookingEvent], state: BookingState, email: str | None) -> BookingState:
    """How the meeting went, if it stood. A no-show is so until the mark is taken back; marks of others say nothing."""
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
