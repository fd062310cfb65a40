"""Plans the mails and SMS after a call that was missed, held or cancelled: which, when, and why one is not sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from common.domain.booking import BookingEvent, BookingKind
from common.domain.cadence import Pace
from common.domain.contact_booking_status import summarize
from common.domain.delivery import Channel, Trigger
from common.domain.ids import DeliveryId, follow_up_delivery_id
from common.domain.reminders import PASSED, PHONE_ONLY, is_phone_only
from common.domain.series import Booking, BookingState

TAKEN_BACK: Final = "the mark was taken back"
ABSENT: Final = "somebody was marked absent"
"""The host or a further attendee was absent: no thanks are sent for a call that may not have been held."""
ASKED_AGAIN: Final = "the host asks for another time"
"""The host cancelled for it: Cal.com has asked the guest already."""
SENT_BEFORE: Final = "another follow-up of this call was sent"

FOLLOW_UPS_AWAY: Final = (TAKEN_BACK, ABSENT, ASKED_AGAIN, str(BookingState.BOOKED))
"""Skip reasons set by this plan that can change with the booking, in addition to `reminders.PLANNED_AWAY`."""

_HOUR_MS = 3_600_000
_MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUpRules:
    """
    A campaign's rules for follow-ups, pace already applied.

    `after_ms`: name (`missed`, by SMS `missed.sms`) and trigger of each follow-up, and how long after the trigger it is
    due. `grace_ms`: how long the team has to set or withdraw a no-show mark. `lateness_max_ms`: a follow-up that was
    due longer ago is not sent. `unmarked_after_ms`: how long after the end of a call it becomes *unmarked* if nobody
    has reported how it went.
    """

    after_ms: tuple[tuple[str, Trigger, int], ...]
    grace_ms: int
    lateness_max_ms: int
    unmarked_after_ms: int


def follow_up_rules(follow_ups: Sequence[tuple[str, Trigger, int]], pace: Pace) -> FollowUpRules:
    """Return the rules at this pace: marks count after two hours, and a call is unmarked after a day."""
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

    `skip_reason`: why it is skipped; None when it will be sent.
    """

    id: DeliveryId
    name: str
    due_ms: int
    skip_reason: str | None


@dataclass(frozen=True, slots=True)
class _Occurrence:
    """
    A reported trigger.

    `from_ms`: when it happened, by the reporter's clock. `received_ms`: when the report arrived here; the follow-up
    counts from it. Neither is before the call. `skip_reason`: why no follow-up is sent, None when one is.
    """

    from_ms: int
    received_ms: int
    skip_reason: str | None = None


def follow_ups_of(
    booking: Booking, events: Sequence[BookingEvent], rules: FollowUpRules, *, now_ms: int
) -> list[FollowUp]:
    """
    Return the follow-ups whose trigger was ever reported; none while the guest's address is unknown.

    `events`: the booking's events that concern its guest.
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
                skip_reason=_skip_reason(
                    booking, occurrence, is_past=is_past, is_mail=not name.endswith(Channel.SMS.suffix)
                ),
            )
        )
    return found


def as_of(booking: Booking, events: Sequence[BookingEvent], rules: FollowUpRules, *, now_ms: int) -> Booking:
    """
    Return the booking with its state at `now_ms`. After the end of a call, a withdrawn no-show mark means that the
    guest came. When nobody reports how the call went, it becomes *unmarked*, provided the guest's address is known.
    `events`: as in `follow_ups_of`.
    """
    end_ms = _end_ms(booking)
    if end_ms is None or now_ms < end_ms:
        return booking
    if any(_absence_of(event, booking) is False for event in _marks(events)):
        return replace(booking, state=BookingState.COMPLETED)
    is_unmarked = end_ms + rules.unmarked_after_ms <= now_ms
    return replace(booking, state=BookingState.UNMARKED) if is_unmarked else booking


def unmarked_at_ms(booking: Booking, rules: FollowUpRules) -> int | None:
    """Return when the call becomes *unmarked* if nobody reports how it went; None if that is known or there is none."""
    end_ms = _end_ms(booking)
    return None if end_ms is None else end_ms + rules.unmarked_after_ms


def _end_ms(booking: Booking) -> int | None:
    """
    Return the end of a call whose result is not reported yet, otherwise None. None also when the guest's address is
    unknown: then no mark can name them, and no follow-up can be sent.
    """
    is_open = booking.state is BookingState.BOOKED and booking.start_ms is not None and booking.email is not None
    return summarize(booking).end_ms if is_open else None


def _skip_reason(booking: Booking, occurrence: _Occurrence, *, is_past: bool, is_mail: bool) -> str | None:
    if occurrence.skip_reason is not None:
        return occurrence.skip_reason
    if is_mail and is_phone_only(booking):
        return PHONE_ONLY
    return PASSED if is_past else None


def _no_show(booking: Booking, events: Sequence[BookingEvent]) -> _Occurrence | None:
    """Return the no-show. It counts from the first mark that was not withdrawn later, but not before the call."""
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
    return replace(occurrence, skip_reason=TAKEN_BACK if is_standing else str(booking.state))


def _completed(booking: Booking, events: Sequence[BookingEvent]) -> _Occurrence | None:
    """Return the completion. It counts from the end of the call."""
    ended = [event for event in events if event.kind is BookingKind.ENDED]
    if not ended:
        return None
    received_ms = min(event.received_ms for event in ended)
    end_ms = booking.end_ms or received_ms
    occurrence = _Occurrence(end_ms, max(end_ms, received_ms))
    if booking.state is not BookingState.COMPLETED:
        return replace(occurrence, skip_reason=str(booking.state))
    return replace(occurrence, skip_reason=ABSENT) if _is_somebody_absent(events) else occurrence


def _cancelled(booking: Booking, events: Sequence[BookingEvent]) -> _Occurrence | None:
    cancelled = [event for event in events if event.kind is BookingKind.CANCELLED]
    if not cancelled:
        return None
    newest = max(cancelled, key=lambda event: event.event_ms)
    occurrence = _Occurrence(newest.event_ms, newest.received_ms)
    if booking.state is not BookingState.CANCELLED:
        return replace(occurrence, skip_reason=str(booking.state))
    return replace(occurrence, skip_reason=ASKED_AGAIN) if booking.reschedule_requested else occurrence


_OCCURRENCES: Mapping[Trigger, Callable[[Booking, Sequence[BookingEvent]], _Occurrence | None]] = {
    Trigger.NO_SHOW: _no_show,
    Trigger.COMPLETED: _completed,
    Trigger.CANCELLED: _cancelled,
}


def _marks(events: Sequence[BookingEvent]) -> list[BookingEvent]:
    """Return the no-show marks, oldest first."""
    marks = [event for event in events if event.kind is BookingKind.NO_SHOW]
    return sorted(marks, key=lambda event: (event.event_ms, event.digest()))


def _absence_of(event: BookingEvent, booking: Booking) -> bool | None:
    """Return whether the event marks this guest as absent; None if it does not name them."""
    return next((is_absent for address, is_absent in event.no_shows if address == booking.email), None)


def _is_somebody_absent(events: Sequence[BookingEvent]) -> bool:
    """Whether anybody was absent. With seats, `events` do not contain the marks of other guests."""
    absent = dict(mark for event in _marks(events) for mark in event.no_shows)
    return any(absent.values())
