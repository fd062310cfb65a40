"""
Where bookings stand: a pure function of the set of their events, whoever came first, twice or late.

A series is what belongs together: events of one uid, of one iCalUID, and of uids joined by `rescheduleUid`. One booking
of it is current; the others were moved.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from common.domain.booking import BookingEvent, BookingKind
from common.domain.ids import BookingId, booking_id

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """
    One booking, as its series says. None: nobody told.

    `starts_ms`: all starts it ever had, this one among them. `received_ms`: arrival of the event that decided, from
    which reminders and minimum notice count. `asked_anew`: the host cancelled and asks for another time.
    """

    id: BookingId
    uid: str
    stand: BookingState
    received_ms: int
    start_ms: int | None = None
    end_ms: int | None = None
    starts_ms: tuple[int, ...] = ()
    email: str | None = None
    first_name: str | None = None
    timezone: str | None = None
    title: str | None = None
    join_url: str | None = None
    organizer: str | None = None
    asked_anew: bool = False


_RANK = {
    BookingKind.ENDED: 0,
    BookingKind.REQUESTED: 1,
    BookingKind.CREATED: 2,
    BookingKind.RESCHEDULED: 3,
    BookingKind.REJECTED: 4,
    BookingKind.CANCELLED: 5,
}
_STAND = {
    BookingKind.ENDED: BookingState.BOOKED,  # Nobody told of the booking, but what ended was booked.
    BookingKind.REQUESTED: BookingState.AWAITING,
    BookingKind.CREATED: BookingState.BOOKED,
    BookingKind.RESCHEDULED: BookingState.BOOKED,
    BookingKind.REJECTED: BookingState.REJECTED,
    BookingKind.CANCELLED: BookingState.CANCELLED,
}


def resolve(events: Collection[BookingEvent]) -> tuple[Booking, ...]:
    """
    The bookings of one series, by id; those of which nothing but a no-show is known are not among them yet.

    A `reschedule_uid` supersedes the uid it names, whatever else is said of that. Of what remains the newest event
    decides: by sequence where both carry one, then by time, then cancelled over rescheduled over created.
    """
    told = _by_uid(events)
    deciding = {uid: found for uid, one in told.items() if (found := _deciding(one))}
    if not deciding:
        return ()
    superseded = {event.reschedule_uid for event in events if event.reschedule_uid != event.uid}
    candidates = [uid for uid in deciding if uid not in superseded] or list(deciding)
    current = newest([event for uid in candidates for event in deciding[uid]])
    everything = _newest_first(events)
    return tuple(
        sorted(
            (_booking(told[uid], newest(deciding[uid]), everything, moved=uid != current.uid) for uid in deciding),
            key=lambda booking: booking.id,
        )
    )


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


def _by_uid(events: Iterable[BookingEvent]) -> Mapping[str, list[BookingEvent]]:
    found: dict[str, list[BookingEvent]] = defaultdict(list)
    for event in events:
        found[event.uid].append(event)
    return found


def _deciding(events: Sequence[BookingEvent]) -> list[BookingEvent]:
    """Those that say where a booking stands; its end says that it was booked when nothing else does."""
    after = (BookingKind.ENDED, BookingKind.NO_SHOW)
    return [event for event in events if event.kind not in after] or [
        event for event in events if event.kind is BookingKind.ENDED
    ]


def _booking(
    own: Sequence[BookingEvent], decided: BookingEvent, everything: Sequence[BookingEvent], *, moved: bool
) -> Booking:
    by_age = [decided, *_newest_first(own)]
    person = [*by_age, *everything]
    email = _first(event.email for event in person if event.kind is not BookingKind.NO_SHOW)
    return Booking(
        id=booking_id(decided.uid),
        uid=decided.uid,
        stand=BookingState.MOVED if moved else _after(own, _STAND[decided.kind], email),
        received_ms=decided.received_ms,
        start_ms=_first(event.start_ms for event in by_age),
        end_ms=_first(event.end_ms for event in by_age),
        starts_ms=tuple(sorted({event.start_ms for event in own if event.start_ms is not None})),
        email=email,
        first_name=_first(event.first_name for event in person if event.email in (None, email)),
        timezone=_first(event.timezone for event in person if event.email in (None, email)),
        title=_first(event.title for event in by_age),
        join_url=_first(event.join_url for event in by_age),
        organizer=_first(event.organizer for event in by_age),
        asked_anew=decided.request_reschedule,
    )


def _after(own: Sequence[BookingEvent], stand: BookingState, email: str | None) -> BookingState:
    """How the meeting went, if it stood. A no-show is so until the mark is taken back; marks of guests say nothing."""
    if stand is not BookingState.BOOKED:
        return stand
    for event in _newest_first(event for event in own if event.kind is BookingKind.NO_SHOW):
        marks = [absent for address, absent in event.no_shows if email is None or address == email]
        if marks and marks[-1]:
            return BookingState.NO_SHOW
        if marks:
            break
    ended = any(event.kind is BookingKind.ENDED for event in own)
    return BookingState.COMPLETED if ended else stand


def _first(values: Iterable[T | None]) -> T | None:
    return next((value for value in values if value is not None), None)
