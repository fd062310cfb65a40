"""The outcome of a series of bookings, and the form in which `write` in `lua/bookings.lua` expects it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from common.domain.booking import BookingEvent
from common.domain.contact_booking_status import BookingSummary, Nurture, summarize
from common.domain.delivery import Trigger, delivery_of
from common.domain.enrollment import Enrollment
from common.domain.follow_ups import FOLLOW_UPS_AWAY, SENT_BEFORE, FollowUp
from common.domain.ids import BookingId, EnrollmentId, GuestId, booking_id, booking_of
from common.domain.reminders import PASSED, PLANNED_AWAY, QUIET_HOURS, SHORT_NOTICE, Reminder
from common.domain.series import Booking, BookingState
from common.ledger.booking_codec import OPTIONAL_FIELDS, booking_fields, call_text
from common.ledger.store import flat

_SPARING = {SHORT_NOTICE: True, PASSED: True, QUIET_HOURS: True}
"""
Reasons for which a reminder that is already planned stays planned: a later event about the same start may come at
short notice.
"""

_PLANNING = dict.fromkeys((*PLANNED_AWAY, *FOLLOW_UPS_AWAY, SENT_BEFORE), True)
"""Reasons that follow the booking: a delivery skipped for one of them is planned again when the booking changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """
    All events of one series, and the ids of the contacts under which its bookings are stored so far.

    `campaign`: the campaign whose gateway received the booking's first event; "" if there was none. `first_guests`: for
    each booking, the address of the guest who is stored under the booking's own id.
    """

    booking_id: BookingId
    campaign: str
    events: tuple[BookingEvent, ...]
    contacts: tuple[EnrollmentId, ...]
    first_guests: Mapping[BookingId, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """
    One contact with their calls. `enrollment`: None when they are not enrolled.

    `writes`: how often their calls were written. `Bookings.write` compares it, so that no worker overwrites calls that
    it has not read.
    """

    id: EnrollmentId
    writes: int
    calls: Mapping[GuestId, BookingSummary]
    enrollment: Enrollment | None
    email: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingOutcome:
    """
    The consequences of a series, to be written by `Bookings.write`.

    `bookings`: each booking with its reminders. `follow_ups`: by guest. `nurture`: each contact of the series, and what
    happens to their nurture mails; `others`: the same for their enrollments in other campaigns. `look`: a booking that
    must be evaluated again, and when, ms.
    """

    gathered: Gathered
    bookings: Sequence[tuple[Booking, Sequence[Reminder]]]
    nurture: Sequence[tuple[Contact, Nurture]]
    others: Sequence[tuple[Enrollment, Nurture]] = ()
    follow_ups: Mapping[GuestId, Sequence[FollowUp]] = field(default_factory=dict)
    look: tuple[BookingId, int] | None = None


def outcome_fields(
    outcome: BookingOutcome, contacts: Mapping[str, EnrollmentId], hashes: Mapping[str, str]
) -> dict[str, Any]:
    """Return what the script expects of an outcome. `contacts`, `hashes`: by the address of each guest."""
    gathered, look = outcome.gathered, outcome.look
    return {
        "id": gathered.booking_id,
        "events": len(gathered.events),
        "contacts": [
            {"id": contact.id, "writes": contact.writes, "nurture": nurture} for contact, nurture in outcome.nurture
        ],
        "others": [{"id": one.id, "contact": one.contact_id, "nurture": nurture} for one, nurture in outcome.others],
        "bookings": [
            _booking(booking, reminders, contacts, hashes)
            | {"follow_ups": [_follow_up(one, booking) for one in outcome.follow_ups.get(booking.id, ())]}
            for booking, reminders in outcome.bookings
        ],
        "optional_fields": OPTIONAL_FIELDS,
        "jobs": [
            (f"{gathered.booking_id}/{event.digest()}", event.received_ms)
            for event in gathered.events
            if booking_id(event.uid) == gathered.booking_id
        ],
        "planning": _PLANNING,
        "sparing": _SPARING,
        "sent_before": SENT_BEFORE,
        "look": {"id": look[0], "at_ms": look[1]} if look else None,
    }


def _booking(
    booking: Booking, reminders: Sequence[Reminder], contacts: Mapping[str, EnrollmentId], hashes: Mapping[str, str]
) -> dict[str, Any]:
    call = summarize(booking)
    fields = booking_fields(booking)
    written: dict[str, Any] = {
        "id": booking.id,
        "left": call_text(BookingSummary(BookingState.MOVED, call.start_ms, call.end_ms)),
        "reminders": [_reminder(reminder) for reminder in reminders],
        "is_unmarked": booking.state is BookingState.UNMARKED,
    }
    if booking.id != booking_of(booking.id):
        written["seat_of"] = booking_of(booking.id)
    if booking.email is not None:
        contact = contacts[booking.email]
        fields |= {"contact": contact, "address_hash": hashes[booking.email]}
        person = {name: text for name, text in fields.items() if name in ("email", "first_name")}
        written |= {"contact": contact, "call": call_text(call), "person": flat(person)}
        if call.called_off_ms is not None:
            written["called_off"] = str(call.called_off_ms)
    return written | {"fields": flat(fields)}


def _reminder(reminder: Reminder) -> dict[str, Any]:
    written: dict[str, Any] = {"name": f"{reminder.start_ms}/{reminder.name}", "due_ms": reminder.due_ms}
    return written if reminder.skip_reason is None else written | {"reason": reminder.skip_reason}


def _follow_up(follow_up: FollowUp, booking: Booking) -> dict[str, Any]:
    delivery = delivery_of(follow_up.id)
    written: dict[str, Any] = {
        "name": follow_up.name,
        "due_ms": follow_up.due_ms,
        "trigger": delivery.trigger,
        "other_triggers": [one for one in Trigger if one is not delivery.trigger],
        "chain": booking.chain,
    }
    return written if follow_up.skip_reason is None else written | {"reason": follow_up.skip_reason}
