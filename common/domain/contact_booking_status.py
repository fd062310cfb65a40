"""Combines all calls of a contact: the status that Notion shows, and whether nurture mails continue meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from common.domain.enrollment import Enrollment
from common.domain.handovers import TOGETHER_MS
from common.domain.ids import EnrollmentId
from common.domain.projection import BOOKED, COMPLETED, NO_SHOW, NOT_BOOKED, UNMARKED, NotionBookingStatus
from common.domain.series import Booking, BookingState

Nurture = Literal["leave", "hold", "release", "stop"]

_SHOWN = {
    BookingState.BOOKED: BOOKED,
    BookingState.COMPLETED: COMPLETED,
    BookingState.NO_SHOW: NO_SHOW,
    BookingState.UNMARKED: UNMARKED,
}
_HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class BookingSummary:
    """
    The short form of a booking that is stored with its contact.

    `called_off_ms`: when the report arrived that the call is cancelled or rejected; None when it is not, or when the
    host asks for another time.
    """

    state: BookingState
    start_ms: int
    end_ms: int
    called_off_ms: int | None = None

    @property
    def off_for_certain_ms(self) -> int | None:
        """
        When the cancellation is certain: until then the same call may still be reported as booked with another host.
        """
        return None if self.called_off_ms is None else self.called_off_ms + TOGETHER_MS

    def is_ahead(self, now_ms: int) -> bool:
        return self.end_ms > now_ms

    def pauses(self, now_ms: int) -> bool:
        """Whether the call pauses nurture mails. A requested call that awaits confirmation counts like a booked one."""
        return self.state in (BookingState.BOOKED, BookingState.AWAITING) and self.is_ahead(now_ms)

    def was_just_called_off(self, *, since_ms: int, now_ms: int) -> bool:
        """Whether it was called off after `since_ms`, and another host's booking may still follow."""
        certain_ms = self.off_for_certain_ms
        return certain_ms is not None and since_ms + TOGETHER_MS <= certain_ms and now_ms < certain_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class UnenrolledContact:
    """
    A contact who booked a call and is not enrolled. `id`: the id that their enrollment would have.

    `revision`, `pages`: as in `Enrollment`.
    """

    id: EnrollmentId
    email: str
    first_name: str | None = None
    revision: int = 0
    pages: dict[str, str] = field(default_factory=dict)


Person = Enrollment | UnenrolledContact
"""A contact in Notion: enrolled, or known only from a booked call."""


def summarize(booking: Booking) -> BookingSummary:
    """Return the booking's short form. A meeting whose end is unknown counts as one hour long."""
    start_ms = booking.start_ms or 0
    is_off = booking.state in (BookingState.CANCELLED, BookingState.REJECTED) and not booking.reschedule_requested
    return BookingSummary(
        booking.state,
        start_ms,
        booking.end_ms or start_ms + _HOUR_MS,
        called_off_ms=booking.received_ms if is_off else None,
    )


def notion_booking_status(calls: Sequence[BookingSummary], *, now_ms: int) -> NotionBookingStatus | None:
    """
    Return the status that Notion shows for a contact's calls; None when there never was a call.

    It is that of the next booked call; without one, that of the latest call held or missed; otherwise *Not Booked*.
    """
    if not calls:
        return None
    ahead = [call for call in calls if call.state is BookingState.BOOKED and call.is_ahead(now_ms)]
    held = [call for call in calls if call.state in _SHOWN]
    if not held:
        return NotionBookingStatus(status=NOT_BOOKED)
    shown = min(ahead, key=_start) if ahead else max(held, key=_start)
    return NotionBookingStatus(status=_SHOWN[shown.state], meeting_ms=shown.start_ms)


def nurture_after(
    booking: Booking | None,
    others: Iterable[BookingSummary],
    *,
    policy: Literal["continue", "pause", "stop"],
    cancellation_resumes: bool,
    since_ms: int,
    now_ms: int,
) -> Nurture:
    """
    Return what happens to a contact's nurture mails after a change of a booking, by the campaign's policy.

    `booking`: None when it now belongs to another contact. `others`: the contact's other calls. `since_ms`: the time of
    their signup; a call that was called off before it ends nothing.

    When the host cancels and asks for another time, paused mails resume. A cancellation that ends the mails first holds
    them until the cancellation is certain, even when another of the contact's calls changes meanwhile.
    """
    if policy == "continue":
        return "leave"
    if policy == "stop":
        return "stop" if booking is not None and booking.state in _SHOWN else "leave"
    current = summarize(booking) if booking is not None else None
    calls = [*others, *([current] if current else [])]
    if any(call.pauses(now_ms) for call in calls):
        return "hold"
    if cancellation_resumes:
        return "release"
    if any(call.was_just_called_off(since_ms=since_ms, now_ms=now_ms) for call in calls):
        return "hold"
    return "stop" if current is not None and current.called_off_ms is not None else "release"


def _start(call: BookingSummary) -> int:
    return call.start_ms
