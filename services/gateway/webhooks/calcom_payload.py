"""
The payloads of Cal.com, which have three shapes.

`{"triggerEvent", "createdAt", "payload": {…}}`; the same with the booking one level deeper (`payload.booking` in older
versions, `payload.evt` in newer MEETING_ENDED events); and flat, where the booking itself carries the trigger.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, WithJsonSchema
from pydantic.alias_generators import to_camel

from common.normalization import lenient
from common.normalization.place import addresses_in
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

_NESTED = ("booking", "evt")


def answer_value(response: Any) -> Any:
    """Return the value of an answer of the booking form, `{"label": …, "value": …}`, or of one that is sent bare."""
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

    email: Annotated[Address, BeforeValidator(answer_value), _RESPONSE] = None
    sms_reminder_number: Annotated[Words, BeforeValidator(answer_value), _RESPONSE] = None


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
    no_show: Boolean = None

    @property
    def address(self) -> str | None:
        return self.display_email or self.email or self.booking_fields_responses.email

    @property
    def given_name(self) -> str | None:
        """Return the first name, the only part of a guest's name that is used."""
        return self.first_name or (self.name.split()[0] if self.name else None)


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
    request_reschedule: Boolean = None
    location: Annotated[
        str | None, PlainValidator(location_address), WithJsonSchema({"type": ["string", "object", "null"]})
    ] = None
    location_kind: Annotated[Words, Field(alias="location")] = None
    seats_per_time_slot: Count = None
    booker_url: WebAddress = None
    disable_rescheduling: Boolean = None
    disable_cancelling: Boolean = None
    attendees: Annotated[list[Attendee], Objects] = []
    responses: Annotated[Responses, AnObject] = Responses()
    booking_fields_responses: Annotated[Responses, AnObject] = Responses()
    sms_reminder_number: Words = None
    organizer: Annotated[Host, AnObject] = Host()
    user: Annotated[Host, AnObject] = Host()
    metadata: Annotated[VideoLinks, AnObject] = VideoLinks()
    video_call_data: Annotated[VideoLinks, AnObject] = VideoLinks()

    @property
    def first_attendee(self) -> Attendee:
        return self.attendees[0] if self.attendees else Attendee()


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

    @property
    def trigger(self) -> str | None:
        """Return the name of the event, such as BOOKING_CREATED."""
        return lenient.words(self.body.get("triggerEvent"), 100)

    @property
    def answers(self) -> dict[str, Any]:
        """Return the answers to all questions of the booking form, by question."""
        answers: dict[str, Any] = {}
        for name in ("responses", "bookingFieldsResponses"):
            answers |= lenient.object_or_empty(self.fields.get(name))
        return answers


def _booking_fields(body: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return (`path`, `fields`) of `ReceivedWebhook`; fields missing in the nested object come from the level above."""
    payload = body.get("payload")
    if not isinstance(payload, dict):
        return "", body
    for name in _NESTED:
        if isinstance(inner := payload.get(name), dict):
            return f"payload.{name}.", {**payload, **{key: value for key, value in inner.items() if value is not None}}
    return "payload.", payload
