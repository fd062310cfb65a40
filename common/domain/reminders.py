"""Plans the reminders of a booking: which, when, and why one is not sent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from common.domain.delivery import Channel
from common.domain.ids import DeliveryId, reminder_delivery_id
from common.domain.series import Booking, BookingState
from common.domain.windows import Window, zone_named

SHORT_NOTICE = "short notice"
PASSED = "its hour had passed"
PHONE_ONLY = "phone only"
SAME_TIME = "a later reminder goes at the same time"
QUIET_HOURS = "quiet hours"

PLANNED_AWAY = (
    *(str(state) for state in BookingState if state is not BookingState.BOOKED),
    SHORT_NOTICE,
    PASSED,
    PHONE_ONLY,
    SAME_TIME,
    QUIET_HOURS,
)
"""Skip reasons set by this plan; they can change with the booking. Reasons set when a reminder was due are final."""

_PHONE = "@sms.cal.com"
"""The domain of the addresses that Cal.com invents for guests who gave only a phone number; no mail arrives there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReminderRules:
    """
    A campaign's rules for reminders, pace already applied.

    `before_ms`: name of each reminder, and how long before the start it is due. `minimum_notice_ms`: a call booked
    less than this before its start gets no reminders. `window`: the hours in which mail may be sent, None for any
    hour. `zone`: for guests whose own time zone is unknown. `sms_before_ms`: as `before_ms`, for the reminders that are
    also sent by SMS. `sms_window`: the hours in which SMS may be sent.
    """

    before_ms: tuple[tuple[str, int], ...]
    minimum_notice_ms: int
    window: Window | None = None
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    sms_before_ms: tuple[tuple[str, int], ...] = ()
    sms_window: Window | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reminder:
    """
    One reminder of one start. `name`: `24h`, by SMS `24h.sms`. `skip_reason`: why it is skipped; None when it will be
    sent.
    """

    id: DeliveryId
    start_ms: int
    name: str
    due_ms: int
    skip_reason: str | None


def reminders_of(booking: Booking, rules: ReminderRules) -> list[Reminder]:
    """Return every reminder of every start that the booking ever had; none while the guest's address is unknown."""
    if booking.email is None:
        return []
    plans = (_of_start, _sms_of_start)
    return [reminder for start_ms in booking.starts_ms for plan in plans for reminder in plan(booking, rules, start_ms)]


def is_phone_only(booking: Booking) -> bool:
    """Whether the guest gave a phone number and no e-mail address."""
    return (booking.email or "").endswith(_PHONE)


def _of_start(booking: Booking, rules: ReminderRules, start_ms: int) -> Iterator[Reminder]:
    """Yield the mails. When the window moves two of them to the same time, only the one nearer to the call is sent."""
    nearest = min(before_ms for _, before_ms in rules.before_ms) if rules.before_ms else 0
    due = {
        before_ms: _due_ms(booking, rules, start_ms, start_ms - before_ms, is_last=before_ms == nearest)
        for _, before_ms in rules.before_ms
    }
    for name, before_ms in rules.before_ms:
        due_ms = due[before_ms]
        skip_reason = _skip_reason(booking, rules, start_ms, due_ms)
        if skip_reason is None and any(nearer < before_ms and due[nearer] == due_ms for nearer in due):
            skip_reason = SAME_TIME
        yield Reminder(
            id=reminder_delivery_id(booking.id, start_ms=start_ms, name=name),
            start_ms=start_ms,
            name=name,
            due_ms=due_ms,
            skip_reason=skip_reason,
        )


def _sms_of_start(booking: Booking, rules: ReminderRules, start_ms: int) -> Iterator[Reminder]:
    """Yield the SMS. One that falls into quiet hours is sent before they begin, or not at all."""
    zone = zone_named(booking.timezone) or rules.zone
    for name, before_ms in rules.sms_before_ms:
        wanted_ms = start_ms - before_ms
        due_ms = rules.sms_window.last_open_ms(wanted_ms, zone) if rules.sms_window else wanted_ms
        skip_reason = _skip_reason(booking, rules, start_ms, due_ms, is_mail=False)
        if skip_reason == PASSED and wanted_ms >= booking.received_ms:
            skip_reason = QUIET_HOURS
        called = f"{name}{Channel.SMS.suffix}"
        yield Reminder(
            id=reminder_delivery_id(booking.id, start_ms=start_ms, name=called),
            start_ms=start_ms,
            name=called,
            due_ms=due_ms,
            skip_reason=skip_reason,
        )


def _due_ms(booking: Booking, rules: ReminderRules, start_ms: int, due_ms: int, *, is_last: bool) -> int:
    """
    Return when a mail is due. A mail that falls outside the window is sent earlier, before the window closes. If the
    call was booked after that, its last reminder is sent at the next opening, provided that is before the call.
    """
    if rules.window is None or due_ms < booking.received_ms:
        return due_ms
    zone = zone_named(booking.timezone) or rules.zone
    earlier_ms = rules.window.last_open_ms(due_ms, zone)
    if earlier_ms >= booking.received_ms or not is_last:
        return earlier_ms
    later_ms = rules.window.opening_ms(due_ms, zone)
    return later_ms if later_ms < start_ms else earlier_ms


def _skip_reason(
    booking: Booking, rules: ReminderRules, start_ms: int, due_ms: int, *, is_mail: bool = True
) -> str | None:
    if start_ms != booking.start_ms:
        return BookingState.MOVED
    if booking.state is not BookingState.BOOKED:
        return booking.state
    if is_mail and is_phone_only(booking):
        return PHONE_ONLY
    if not booking.was_reassigned and start_ms - booking.received_ms < rules.minimum_notice_ms:
        return SHORT_NOTICE
    return PASSED if due_ms < booking.received_ms else None
