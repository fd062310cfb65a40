"""What follows a call that was missed, held or cancelled, by mail and SMS, when, and why one is not sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from common.domain.booking import BookingEvent, BookingKind
from common.domain.cadence import Pace
from common.domain.contact_booking_status import in_short
from common.domain.delivery import Channel, Trigger
from common.domain.ids import DeliveryId, follow_up_delivery_id
from common.domain.reminders import PASSED, PHONE_ONLY, is_phone_only
from common.domain.series import Booking, BookingState

TAKEN_BACK: Final = "the mark was taken back"
ABSENT: Final = "somebody was marked absent"
"""The host, or a guest who came along: no thanks for a call that may not have been held."""
SENT_BEFORE: Final = "another follow-up of this call was sent"

FOLLOW_UPS_AWAY: Final = (TAKEN_BACK, ABSENT, str(BookingState.BOOKED))
"""Reasons of this file that change with the booking, besides those of `reminders.PLANNED_AWAY`."""

_HOUR_MS = 3_600_000
_MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUpRules:
    """
    `after_ms`: name (`missed`, by SMS `missed.sms`) and trigger of each follow-up, and how long after the trigger. Pace
    already applied.

    `grace_ms`: as long a mark can be set or taken back. `lateness_max_ms`: what was due longer ago is not sent.
    `unmarked_after_ms`: so long after the end of a call somebody should have said how it went.
    """

    after_ms: tuple[tuple[str, Trigger, int], ...]
    grace_ms: int
    lateness_max_ms: int
    unmarked_after_ms: int


def follow_up_rules(follow_ups: Sequence[tuple[str, Trigger, int]], pace: Pace) -> FollowUpRules:
    """Of follow-ups at this pace: marks count after two hours, a call is unmarked after a day."""
    day_ms = pace.divided(_MINUTE_MS if pace.testing else 24 * _HOUR_MS)
    return FollowUpRules(
        after_ms=tuple(follow_ups),
        grace_ms=pace.divided(_MINUTE_MS if pace.testing else 2 * _HOUR_MS),
        lateness_max_ms=day_ms,
        unmarked_after_ms=day_ms,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUp:
    """
    One follow-up of a call. `name`: `no_show/missed`, or `no_show/missed.sms`.

    `because`: why it is skipped, None when it is to be sent.
    """

    id: DeliveryId
    name: str
    due_ms: int
    because: str | None


@dataclass(frozen=True, slots=True)
class _Occurrence:
    """A trigger that was reported: `from_ms` by whoever reports it, `received_ms` here, from which it counts."""

    from_ms: int
    received_ms: int
    because: str | None = None


def follow_ups_of(
    booking: Booking, events: Sequence[BookingEvent], rules: FollowUpRules, *, now_ms: int
) -> list[FollowUp]:
    """
    Those whose trigger was ever reported, each to be sent or with its reason; none while nobody knows the address.

    `events`: those of the booking that concern its guest.
    """
    if booking.email is None:
        return []
    found = []
    for name, on, after_ms in rules.after_ms:
        occurrence = _OCCURRENCES[on](booking, events)
        if occurrence is None:
            continue
        wait_ms = after_ms if on is Trigger.CANCELLED else max(after_ms, rules.grace_ms)
        due_ms = occurrence.received_ms + wait_ms
        is_past = occurrence.from_ms + wait_ms < occurrence.received_ms or due_ms + rules.lateness_max_ms < now_ms
        found.append(
            FollowUp(
                id=follow_up_delivery_id(booking.id, on=on, name=name),
                name=f"{on}/{name}",
                due_ms=due_ms,
                because=_because(booking, occurrence, is_past=is_past, is_mail=not name.endswith(Channel.SMS.suffix)),
            )
        )
    return found


def as_of(booking: Booking, events: Sequence[BookingEvent], rules: FollowUpRules, *, now_ms: int) -> Booking:
    """
    The booking now. Of a call that is over a mark that was taken back says that the guest came; where nobody says
    anything for long, it is unmarked, if a guest's address is known. `events`: as in `follow_ups_of`.
    """
    end_ms = _end_ms(booking)
    if end_ms is None or now_ms < end_ms:
        return booking
    if any(_absence_of(event, booking) is False for event in _marks(events)):
        return replace(booking, state=BookingState.COMPLETED)
    is_unmarked = end_ms + rules.unmarked_after_ms <= now_ms
    return replace(booking, state=BookingState.UNMARKED) if is_unmarked else booking


def unmarked_at_ms(booking: Booking, rules: FollowUpRules) -> int | None:
    """From when on the call is unmarked unless somebody reports how it went; None: that is known, or there is none."""
    end_ms = _end_ms(booking)
    return None if end_ms is None else end_ms + rules.unmarked_after_ms


def _end_ms(booking: Booking) -> int | None:
    """
    Of a call of which nobody has reported yet how it went; None also where no mark could say it, because nobody knows
    whose the call is, and nothing would follow.
    """
    is_open = booking.state is BookingState.BOOKED and booking.start_ms is not None and booking.email is not None
    return in_short(booking).end_ms if is_open else None


def _because(booking: Booking, occurrence: _Occurrence, *, is_past: bool, is_mail: bool) -> str | None:
    if occurrence.because is not None:
        return occurrence.because
    if is_mail and is_phone_only(booking):
        return PHONE_ONLY
    return PASSED if is_past else None


def _no_show(booking: Booking, events: Sequence[BookingEvent]) -> _Occurrence | None:
    """Counts from the first mark after which none was taken back, and not from before the call."""
    marks = [(event, marked) for event in _marks(events) if (marked := _absence_of(event, booking)) is not None]
    if not any(is_absent for _, is_absent in marks):
        return None
    first = next(event for event, is_absent in marks if is_absent)
    for (earlier, was_absent), (event, is_absent) in pairwise(marks):
        if is_absent and not was_absent and event.event_ms > earlier.event_ms:
            first = event
    begin_ms = booking.start_ms or 0
    occurrence = _Occurrence(max(first.event_ms, begin_ms), max(first.received_ms, begin_ms))
    if booking.state is BookingState.NO_SHOW:
        return occurrence
    is_standing = booking.state in (BookingState.BOOKED, BookingState.COMPLETED)
    return replace(occurrence, because=TAKEN_BACK if is_standing else str(booking.state))


def _completed(booking: Booking, events: Sequence[BookingEvent]) -> _Occurrence | None:
    """Counts from the end of the call."""
    ended = [event for event in events if event.kind is BookingKind.ENDED]
    if not ended:
        return None
    received_ms = min(event.received_ms for event in ended)
    end_ms = booking.end_ms or received_ms
    occurrence = _Occurrence(end_ms, max(end_ms, received_ms))
    if booking.state is not BookingState.COMPLETED:
        return replace(occurrence, because=str(booking.state))
    return replace(occurrence, because=ABSENT) if _is_somebody_absent(booking, events) else occurrence


def _cancelled(booking: Booking, events: Sequence[BookingEvent]) -> _Occurrence | None:
    cancelled = [event for event in events if event.kind is BookingKind.CANCELLED]
    if not cancelled:
        return None
    newest = max(cancelled, key=lambda event: event.event_ms)
    occurrence = _Occurrence(newest.event_ms, newest.received_ms)
    return occurrence if booking.state is BookingState.CANCELLED else replace(occurrence, because=str(booking.state))


_OCCURRENCES: Mapping[Trigger, Callable[[Booking, Sequence[BookingEvent]], _Occurrence | None]] = {
    Trigger.NO_SHOW: _no_show,
    Trigger.COMPLETED: _completed,
    Trigger.CANCELLED: _cancelled,
}


def _marks(events: Sequence[BookingEvent]) -> list[BookingEvent]:
    """Oldest first."""
    marks = [event for event in events if event.kind is BookingKind.NO_SHOW]
    return sorted(marks, key=lambda event: (event.event_ms, event.digest()))


def _absence_of(event: BookingEvent, booking: Booking) -> bool | None:
    """Whether it marks this guest as absent; None: it is not about them."""
    return next((is_absent for address, is_absent in event.no_shows if address == booking.email), None)


def _is_somebody_absent(booking: Booking, events: Sequence[BookingEvent]) -> bool:
    """With seats, the absence of another guest is their own matter."""
    absent = dict(mark for event in _marks(events) for mark in event.no_shows)
    hosts = {event.organizer_email for event in events}
    concerned = hosts if any(event.is_seated for event in events) else absent.keys()
    return any(is_absent for address, is_absent in absent.items() if address in concerned)
