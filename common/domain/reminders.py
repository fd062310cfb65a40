"""Which reminders a booking gets, when, and why one is not sent."""

from __future__ import annotations

from dataclasses import dataclass

from common.domain.ids import DeliveryId, reminder_delivery_id
from common.domain.series import Booking, BookingState

SHORT_NOTICE = "short notice"
PASSED = "its hour had passed"
PHONE_ONLY = "phone only"

PLANNED_AWAY = (
    *(str(state) for state in BookingState if state is not BookingState.BOOKED),
    SHORT_NOTICE,
    PASSED,
    PHONE_ONLY,
)
"""Reasons of this file; they change with the booking. Those given when a reminder was due are for good."""

_PHONE = "@sms.cal.com"
"""Where Cal.com puts people who gave only a phone number; no mail arrives there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReminderRules:
    """`before_ms`: name of each reminder and how long before the start. Pace already applied."""

    before_ms: tuple[tuple[str, int], ...]
    minimum_notice_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reminder:
    """One reminder of one start. `because`: why it is skipped, None when it is to be sent."""

    id: DeliveryId
    start_ms: int
    name: str
    due_ms: int
    because: str | None


def reminders_of(booking: Booking, rules: ReminderRules) -> list[Reminder]:
    """A fate for each reminder of each start that the booking ever had; none while nobody knows its address."""
    if booking.email is None:
        return []
    return [
        _reminder(booking, rules, start_ms, name, start_ms - before_ms)
        for start_ms in booking.starts_ms
        for name, before_ms in rules.before_ms
    ]


def _reminder(booking: Booking, rules: ReminderRules, start_ms: int, name: str, due_ms: int) -> Reminder:
    return Reminder(
        id=reminder_delivery_id(booking.id, start_ms=start_ms, name=name),
        start_ms=start_ms,
        name=name,
        due_ms=due_ms,
        because=_because(booking, rules, start_ms, due_ms),
    )


def _because(booking: Booking, rules: ReminderRules, start_ms: int, due_ms: int) -> str | None:
    if start_ms != booking.start_ms:
        return BookingState.MOVED
    if booking.state is not BookingState.BOOKED:
        return booking.state
    if (booking.email or "").endswith(_PHONE):
        return PHONE_ONLY
    if not booking.was_reassigned and start_ms - booking.received_ms < rules.minimum_notice_ms:
        return SHORT_NOTICE
    return PASSED if due_ms < booking.received_ms else None
