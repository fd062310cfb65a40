"""Turns the payloads of Cal.com into booking events."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, replace
from typing import Any
from urllib.parse import quote

from common.domain.booking import Attendee as NamedAttendee
from common.domain.booking import BookingEvent, BookingKind
from common.normalization import lenient
from common.normalization.locale import read_timestamp_ms
from common.normalization.place import read_place
from services.gateway.events import IgnoredEvent
from services.gateway.http.body import invalid_fields
from services.gateway.webhooks.calcom_payload import Attendee, Booking, ReceivedWebhook, answer_value
from services.web.problem import FieldError

KIND_BY_TRIGGER = {
    "BOOKING_REQUESTED": BookingKind.REQUESTED,
    "BOOKING_CREATED": BookingKind.CREATED,
    "BOOKING_RESCHEDULED": BookingKind.RESCHEDULED,
    "BOOKING_REJECTED": BookingKind.REJECTED,
    "BOOKING_CANCELLED": BookingKind.CANCELLED,
    "BOOKING_NO_SHOW_UPDATED": BookingKind.NO_SHOW,
    "MEETING_ENDED": BookingKind.ENDED,
    "BOOKING_REASSIGNED": BookingKind.REASSIGNED,
    "BOOKING_LOCATION_UPDATED": BookingKind.RELOCATED,
}
_NEEDS_ALL = (BookingKind.REQUESTED, BookingKind.CREATED, BookingKind.RESCHEDULED)
CANCELLED_KINDS = (BookingKind.CANCELLED, BookingKind.REJECTED)


def event_of(
    webhook: ReceivedWebhook, *, received_ms: int, types: Collection[str], sms_question: str | None = None
) -> BookingEvent | IgnoredEvent:
    """
    Return the event in a webhook.

    `types`: ids or slugs of the event types to process; empty: all. `sms_question`: the question of the booking form by
    which a guest agrees to reminders by SMS.

    Raises Problem 422 naming each missing field: the trigger, the booking's uid, and for an event that requests,
    creates or moves a booking also an address and a start.
    """
    body, path, booking = webhook.body, webhook.path, webhook.booking
    trigger = webhook.trigger
    if trigger is None:
        raise invalid_fields(FieldError("triggerEvent", "is required, such as BOOKING_CREATED"))
    kind = KIND_BY_TRIGGER.get(trigger)
    if kind is None:
        return IgnoredEvent(trigger, "This event has no effect here.")
    uid = booking.uid or booking.booking_uid
    if uid is None and booking.type == "Test":
        return IgnoredEvent(trigger, "A test of the webhook: it works.")
    if uid is None and kind is BookingKind.ENDED:
        return IgnoredEvent(trigger, "It does not say which booking has ended.")
    moved = booking.reschedule_uid or booking.from_reschedule
    if uid is None and moved is not None and kind in _NEEDS_ALL:
        kind, uid = BookingKind.LOST_MOVE, moved
    is_processed = _is_processed_type(booking, types)
    if is_processed is None and kind is BookingKind.ENDED:
        # Without a guest it changes a booking that was processed before, and makes none.
        booking = Booking()
    elif not is_processed:
        return IgnoredEvent(trigger, "This event type is not among CALCOM_EVENT_TYPES.")
    created_ms = None if path == "" else read_timestamp_ms(body.get("createdAt"))
    event = _event(kind, booking, uid or "", received_ms, created_ms)
    if errors := _missing(event, path):
        raise invalid_fields(*errors)
    if kind in (*_NEEDS_ALL, BookingKind.RELOCATED):
        event = replace(event, place=_place(webhook, kind))
    if sms_question and event.sms_number is None and not event.is_seated:
        return replace(event, sms_number=_agreed_number(webhook, sms_question))
    return event


def _place(webhook: ReceivedWebhook, kind: BookingKind) -> str | None:
    """Return how the call takes place. The form's answer comes first, unless the location was changed afterwards."""
    answer = None if kind is BookingKind.RELOCATED else answer_value(webhook.answers.get("location"))
    return read_place(answer, webhook.fields.get("location"), guest_number=_phone_number(webhook))


def _agreed_number(webhook: ReceivedWebhook, question: str) -> str | None:
    """Return the number in the answer to the question; after a yes, the number that was given with the booking."""
    answer = answer_value(webhook.answers.get(question))
    if isinstance(answer, list) and len(answer) == 1:
        [answer] = answer
    is_agreed = lenient.boolean(answer)
    number = lenient.words(_phone_number(webhook) if is_agreed else answer, 40)
    return number if is_agreed is not False and number and any(map(str.isdigit, number)) else None


def _phone_number(webhook: ReceivedWebhook) -> Any:
    """Return the number that was given with the booking, as it was sent."""
    return webhook.booking.first_attendee.phone_number or answer_value(webhook.answers.get("attendeePhoneNumber"))


def _is_processed_type(booking: Booking, types: Collection[str]) -> bool | None:
    """
    Return whether events of this type are processed; None when the event has only an id and `types` a slug, or the
    reverse: a flat MEETING_ENDED has no slug.

    An event without a type always is: it concerns a booking that was processed before, or one that is unknown here.
    """
    names = {name for name in (booking.event_type_id, booking.type) if name is not None}
    if not types or not names or not names.isdisjoint(types):
        return True
    has_id = booking.event_type_id is not None
    return None if len(names) == 1 and any(one.isdecimal() is not has_id for one in types) else False


def _event(kind: BookingKind, booking: Booking, uid: str, received_ms: int, created_ms: int | None) -> BookingEvent:
    """`created_ms`: when the event was created; None in the flat shape, whose `createdAt` is the booking's."""
    is_seated = bool(booking.seats_per_time_slot)
    named = [one for attendee in booking.attendees if (one := _named_attendee(attendee)) is not None]
    moved = booking.reschedule_uid or booking.from_reschedule
    return BookingEvent(
        kind=kind,
        uid=uid,
        event_ms=received_ms if created_ms is None else created_ms,
        received_ms=received_ms,
        reschedule_uid=None if kind is BookingKind.LOST_MOVE else moved,
        ical_uid=booking.i_cal_uid,
        sequence=booking.i_cal_sequence,
        start_ms=booking.start_time,
        end_ms=booking.end_time,
        **_guest_fields(booking, named, is_seated=is_seated),
        title=booking.title,
        join_url=_join_url(kind, booking),
        organizer=booking.organizer.name or booking.user.name,
        organizer_email=booking.organizer.email or booking.user.email,
        request_reschedule=booking.request_reschedule is True,
        no_shows=_no_shows(booking) if kind is BookingKind.NO_SHOW else (),
        event_type=booking.event_type_id or booking.type,
        is_seated=is_seated,
        **({} if is_seated or kind not in _NEEDS_ALL else _change_urls(booking, uid)),
        # Without seats the others only accompany the first attendee; a cancellation may name any of them as gone.
        others=tuple(named[1:]) if is_seated or kind in CANCELLED_KINDS else (),
    )


def _change_urls(booking: Booking, uid: str) -> dict[str, str]:
    """
    Return the URLs of Cal.com's pages for rescheduling and cancelling, as far as the event type allows these.

    Not for bookings with seats: their URLs need the id of the guest's seat, which Cal.com does not report.
    """
    base = (booking.booker_url or "").rstrip("/")
    if not base:
        return {}
    name = quote(uid, safe="")
    urls = {} if booking.disable_rescheduling else {"reschedule_url": f"{base}/reschedule/{name}"}
    return urls if booking.disable_cancelling else {**urls, "cancel_url": f"{base}/booking/{name}?cancel=true"}


def _guest_fields(booking: Booking, named: Sequence[NamedAttendee], *, is_seated: bool) -> dict[str, Any]:
    """
    Return the fields of the first guest. With seats these are the first attendee's: the answers to the form come from
    one booker and do not describe the other guests.
    """
    if is_seated and named:
        return asdict(named[0])
    first = booking.first_attendee
    return {
        "email": first.address or booking.responses.email or booking.booking_fields_responses.email,
        "first_name": first.given_name,
        "timezone": first.time_zone,
        "locale": first.language.locale,
        "sms_number": booking.responses.sms_reminder_number
        or booking.booking_fields_responses.sms_reminder_number
        or booking.sms_reminder_number,
    }


def _named_attendee(attendee: Attendee) -> NamedAttendee | None:
    if attendee.address is None:
        return None
    number = attendee.booking_fields_responses.sms_reminder_number
    return NamedAttendee(attendee.address, attendee.given_name, attendee.time_zone, attendee.language.locale, number)


def _join_url(kind: BookingKind, booking: Booking) -> str | None:
    """Return the URL of the call. After a change of location the old one is ignored, except for a video service."""
    video_url = booking.metadata.video_call_url or booking.video_call_data.url
    if kind is BookingKind.RELOCATED:
        is_video = (booking.location_kind or "integrations:").startswith("integrations:")
        return booking.location or (video_url if is_video else None)
    return video_url or booking.location


def _no_shows(booking: Booking) -> tuple[tuple[str, bool], ...]:
    """Return the marks. An attendee whose mark is missing or unreadable has none: no earlier mark was withdrawn."""
    return tuple(
        (one.address, one.no_show) for one in booking.attendees if one.address is not None and one.no_show is not None
    )


def _missing(event: BookingEvent, path: str) -> list[FieldError]:
    errors = [] if event.uid else [FieldError(f"{path}uid", "is required: the booking's uid")]
    if event.kind not in _NEEDS_ALL:
        return errors
    if event.email is None:
        message = "must be an e-mail address, here, in responses.email.value or in bookingFieldsResponses.email"
        errors.append(FieldError(f"{path}attendees[0].email", message))
    if event.start_ms is None:
        errors.append(FieldError(f"{path}startTime", "must be a timestamp such as 2026-12-03T18:00:00Z"))
    return errors
