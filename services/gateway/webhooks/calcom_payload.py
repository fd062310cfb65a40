"""
Parses the payloads of Cal.com, which have three shapes, into booking events.

`{"triggerEvent", "createdAt", "payload": {…}}`; the same with the booking one level deeper (`payload.booking` in older
versions, `payload.evt` in newer MEETING_ENDED events); and flat, where the booking itself carries the trigger.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Annotated, Any
from urllib.parse import quote

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, WithJsonSchema
from pydantic.alias_generators import to_camel

from common.domain.booking import Attendee as NamedAttendee
from common.domain.booking import BookingEvent, BookingKind
from common.normalization import lenient
from common.normalization.locale import read_timestamp_ms
from common.normalization.place import addresses_in, read_place
from services.gateway.events import IgnoredEvent
from services.gateway.http.body import invalid_fields
from services.gateway.validation.lenient import (
    Address,
    AnObject,
    Boolean,
    Count,
    Locale,
    Objects,
    Timestamp,
    Token,
    WebAddress,
    Words,
    Zone,
)
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
TRIGGER_BY_KIND = {kind: trigger for trigger, kind in KIND_BY_TRIGGER.items()} | {
    BookingKind.LOST_MOVE: "BOOKING_RESCHEDULED"
}
_NEEDS_ALL = (BookingKind.REQUESTED, BookingKind.CREATED, BookingKind.RESCHEDULED)
CANCELLED_KINDS = (BookingKind.CANCELLED, BookingKind.REJECTED)
_NESTED = ("booking", "evt")


def _value(response: Any) -> Any:
    return response.get("value") if isinstance(response, dict) else response


def location_address(value: Any) -> str | None:
    """Return the web address in a location; None for a room, a phone number, or the name of a service."""
    found = (lenient.web_address(one) for one in addresses_in(value))
    return next((address for address in found if address is not None), None)


_RESPONSE = WithJsonSchema(
    {"type": ["object", "string", "null"], "properties": {"label": {"type": "string"}, "value": {}}}
)


class _Camel(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="ignore")


class Responses(_Camel):
    """Answers of the booking form, `{"label": …, "value": …}`. Only the e-mail address and the SMS number are used."""

    email: Annotated[Address, BeforeValidator(_value), _RESPONSE] = None
    sms_reminder_number: Annotated[Words, BeforeValidator(_value), _RESPONSE] = None


class SpokenLanguage(_Camel):
    locale: Locale = None


class Attendee(_Camel):
    name: Words = None
    first_name: Words = None
    email: Address = None
    display_email: Address = None
    booking_fields_responses: Annotated[Responses, AnObject] = Responses()
    time_zone: Zone = None
    phone_number: Words = None
    language: Annotated[SpokenLanguage, AnObject] = SpokenLanguage()
    no_show: Boolean = False

    @property
    def address(self) -> str | None:
        return self.display_email or self.email or self.booking_fields_responses.email


class Host(_Camel):
    name: Words = None
    email: Address = None


class VideoLinks(_Camel):
    url: WebAddress = None
    video_call_url: WebAddress = None


class Booking(_Camel):
    """The fields of a payload that are used. An event that only refers to a booking has `bookingUid`, not `uid`."""

    type: Token = None
    uid: Token = None
    booking_uid: Token = None
    reschedule_uid: Token = None
    from_reschedule: Token = None
    i_cal_uid: Annotated[Token, Field(alias="iCalUID")] = None
    i_cal_sequence: Count = None
    event_type_id: Token = None
    title: Words = None
    start_time: Timestamp = None
    end_time: Timestamp = None
    request_reschedule: Boolean = False
    location: Annotated[
        str | None, PlainValidator(location_address), WithJsonSchema({"type": ["string", "object", "null"]})
    ] = None
    location_kind: Annotated[Words, Field(alias="location")] = None
    seats_per_time_slot: Count = None
    booker_url: WebAddress = None
    disable_rescheduling: Boolean = False
    disable_cancelling: Boolean = False
    attendees: Annotated[list[Attendee], Objects] = []
    responses: Annotated[Responses, AnObject] = Responses()
    booking_fields_responses: Annotated[Responses, AnObject] = Responses()
    organizer: Annotated[Host, AnObject] = Host()
    user: Annotated[Host, AnObject] = Host()
    metadata: Annotated[VideoLinks, AnObject] = VideoLinks()
    video_call_data: Annotated[VideoLinks, AnObject] = VideoLinks()


class CalcomEvent(BaseModel):
    """A webhook of Cal.com. The flat shape has the members of `payload` next to `triggerEvent`."""

    triggerEvent: Annotated[str, Field(max_length=100)]
    createdAt: Timestamp = None
    payload: Annotated[Booking, AnObject] = Booking()


@dataclass(frozen=True, slots=True)
class ReceivedWebhook:
    """
    A webhook as it was sent, and the booking parsed from it.

    `path`: where the booking's fields are in `body`, such as `payload.booking.`; "" in the flat shape. `fields`: these
    fields.
    """

    body: dict[str, Any]
    path: str
    fields: dict[str, Any]
    booking: Booking

    @classmethod
    def of(cls, body: dict[str, Any]) -> ReceivedWebhook:
        path, fields = _booking_fields(body)
        return cls(body, path, fields, Booking.model_validate(fields))


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
    trigger = lenient.words(body.get("triggerEvent"), 100)
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
    if not _is_processed_type(booking, types):
        return IgnoredEvent(trigger, "This event type is not among CALCOM_EVENT_TYPES.")
    created_ms = None if path == "" else read_timestamp_ms(body.get("createdAt"))
    event = _event(kind, booking, uid or "", received_ms, created_ms)
    if errors := _missing(event, path):
        raise invalid_fields(*errors)
    if kind in (*_NEEDS_ALL, BookingKind.RELOCATED):
        event = replace(event, place=_place(webhook.fields, booking, kind))
    if sms_question and event.sms_number is None and not event.is_seated:
        return replace(event, sms_number=_agreed_number(webhook.fields, booking, sms_question))
    return event


def _place(fields: dict[str, Any], booking: Booking, kind: BookingKind) -> str | None:
    """Return how the call takes place. The form's answer comes first, unless the location was changed afterwards."""
    answers = lenient.object_or_empty(fields.get("responses")) | lenient.object_or_empty(
        fields.get("bookingFieldsResponses")
    )
    first = booking.attendees[0] if booking.attendees else Attendee()
    answer = None if kind is BookingKind.RELOCATED else _value(answers.get("location"))
    number = first.phone_number or _value(answers.get("attendeePhoneNumber"))
    return read_place(answer, fields.get("location"), guest_number=number)


def _agreed_number(fields: dict[str, Any], booking: Booking, question: str) -> str | None:
    """Return the number in the answer to the question; after a yes, the number that was given with the booking."""
    answers = lenient.object_or_empty(fields.get("responses")) | lenient.object_or_empty(
        fields.get("bookingFieldsResponses")
    )
    answer = _value(answers.get(question))
    if answer is True or answer == [True]:
        first = booking.attendees[0] if booking.attendees else Attendee()
        answer = first.phone_number or _value(answers.get("attendeePhoneNumber"))
    return lenient.words(answer, 40) if isinstance(answer, str) else None


def _booking_fields(body: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return (`path`, `fields`) of `ReceivedWebhook`; fields missing in the nested object come from the level above."""
    payload = body.get("payload")
    if not isinstance(payload, dict):
        return "", body
    for name in _NESTED:
        if isinstance(inner := payload.get(name), dict):
            return f"payload.{name}.", {**payload, **{key: value for key, value in inner.items() if value is not None}}
    return "payload.", payload


def _is_processed_type(booking: Booking, types: Collection[str]) -> bool:
    """
    Return whether events of this type are processed.

    An event without a type always is: it concerns a booking that was processed before, or one that is unknown here.
    """
    names = {name for name in (booking.event_type_id, booking.type) if name is not None}
    return not types or not names or not names.isdisjoint(types)


def _event(kind: BookingKind, booking: Booking, uid: str, received_ms: int, created_ms: int | None) -> BookingEvent:
    """`created_ms`: when the event was created; None in the flat shape, whose `createdAt` is the booking's."""
    is_seated = bool(booking.seats_per_time_slot)
    named = [one for attendee in booking.attendees if (one := _named_attendee(attendee)) is not None]
    first = booking.attendees[0] if booking.attendees else Attendee()
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
        **_guest_fields(booking, first, named, is_seated=is_seated),
        title=booking.title,
        join_url=_join_url(kind, booking),
        organizer=booking.organizer.name or booking.user.name,
        organizer_email=booking.organizer.email or booking.user.email,
        request_reschedule=booking.request_reschedule,
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


def _guest_fields(
    booking: Booking, first: Attendee, named: Sequence[NamedAttendee], *, is_seated: bool
) -> dict[str, Any]:
    """
    Return the fields of the first guest. With seats these are the first attendee's: the answers to the form come from
    one booker and do not describe the other guests.
    """
    if is_seated and named:
        return asdict(named[0])
    return {
        "email": first.address or booking.responses.email or booking.booking_fields_responses.email,
        "first_name": first_name_of(first),
        "timezone": first.time_zone,
        "locale": first.language.locale,
        "sms_number": booking.responses.sms_reminder_number or booking.booking_fields_responses.sms_reminder_number,
    }


def _named_attendee(attendee: Attendee) -> NamedAttendee | None:
    if attendee.address is None:
        return None
    number = attendee.booking_fields_responses.sms_reminder_number
    name, locale = first_name_of(attendee), attendee.language.locale
    return NamedAttendee(attendee.address, name, attendee.time_zone, locale, number)


def first_name_of(attendee: Attendee) -> str | None:
    """Return the first name, the only part of a guest's name that is used."""
    return attendee.first_name or (attendee.name.split()[0] if attendee.name else None)


def _join_url(kind: BookingKind, booking: Booking) -> str | None:
    """Return the URL of the call. After a change of location the old one is ignored, except for a video service."""
    video_url = booking.metadata.video_call_url or booking.video_call_data.url
    if kind is BookingKind.RELOCATED:
        is_video = (booking.location_kind or "integrations:").startswith("integrations:")
        return booking.location or (video_url if is_video else None)
    return video_url or booking.location


def _no_shows(booking: Booking) -> tuple[tuple[str, bool], ...]:
    return tuple((one.address, one.no_show) for one in booking.attendees if one.address is not None)


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
