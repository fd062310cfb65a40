"""What all calls of one contact amount to: what Notion shows, and whether the nurture mails go on meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from common.domain.enrollment import Enrollment
from common.domain.handovers import TOGETHER_MS
from common.domain.ids import EnrollmentId
from common.domain.projection import BOOKED, COMPLETED, NO_SHOW, NOT_BOOKED, UNMARKED, BookingStanding
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
    One booking in short, as it is kept with its contact.

    `called_off_ms`: when it was reported that there is no call any more; None: there is one, or the host asks for
    another time.
    """

    state: BookingState
    start_ms: int
    end_ms: int
    called_off_ms: int | None = None

    @property
    def off_for_certain_ms(self) -> int | None:
        """Until then another host's booking of the same call may be reported after the cancellation of this one."""
        return None if self.called_off_ms is None else self.called_off_ms + TOGETHER_MS

    def is_ahead(self, now_ms: int) -> bool:
        return self.end_ms > now_ms

    def pauses(self, now_ms: int) -> bool:
        """Somebody who asked for a call waits for it as well as somebody who has one."""
        return self.state in (BookingState.BOOKED, BookingState.AWAITING) and self.is_ahead(now_ms)

    def was_just_called_off(self, *, since_ms: int, now_ms: int) -> bool:
        """After `since_ms`, and another host's booking may still follow."""
        certain_ms = self.off_for_certain_ms
        return certain_ms is not None and since_ms + TOGETHER_MS <= certain_ms and now_ms < certain_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class UnenrolledContact:
    """
    Somebody who booked a call and is not enrolled; `id` is what their enrollment's would be.

    `revision`, `pages`: as of an enrollment.
    """

    id: EnrollmentId
    email: str
    first_name: str | None = None
    revision: int = 0
    pages: dict[str, str] = field(default_factory=dict)


Person = Enrollment | UnenrolledContact
"""Whom Notion shows: somebody enrolled, or somebody who only booked a call."""


def in_short(booking: Booking) -> BookingSummary:
    """A meeting whose end is unknown lasts an hour."""
    start_ms = booking.start_ms or 0
    is_off = booking.state in (BookingState.CANCELLED, BookingState.REJECTED) and not booking.asked_anew
    return BookingSummary(
        booking.state,
        start_ms,
        booking.end_ms or start_ms + _HOUR_MS,
        called_off_ms=booking.received_ms if is_off else None,
    )


def standing_of(calls: Sequence[BookingSummary], *, now_ms: int) -> BookingStanding | None:
    """
    What Notion shows of a contact's calls; None when there never was one.

    The soonest that is booked and not over; else the last that was; else nothing is booked.
    """
    if not calls:
        return None
    ahead = [call for call in calls if call.state is BookingState.BOOKED and call.is_ahead(now_ms)]
    held = [call for call in calls if call.state in _SHOWN]
    if not held:
        return BookingStanding(status=NOT_BOOKED)
    shown = min(ahead, key=_start) if ahead else max(held, key=_start)
    return BookingStanding(status=_SHOWN[shown.state], meeting_ms=shown.start_ms)


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
    What a booking does to the nurture mails of its contact, by the campaign's policy.

    `booking`: None when it became somebody else's; `others`: their other calls. A call that the host cancels to ask for
    another time keeps the person warm: mails that paused come back. A cancellation that ends the mails holds them
    first, until it is certain, whichever of the calls is looked at meanwhile. `since_ms`: of their signup; what was
    called off before it ends nothing.
    """
    if policy == "continue":
        return "leave"
    if policy == "stop":
        return "stop" if booking is not None and booking.state in _SHOWN else "leave"
    current = in_short(booking) if booking is not None else None
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
