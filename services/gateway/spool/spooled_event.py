"""An event as the spool stores it on disk, and the receipt from which its response is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from common.domain.booking import BookingEvent
from common.domain.contact import Assessment, Consent, SmsConsent
from common.domain.feedback import Feedback
from common.domain.ids import EnrollmentId
from common.domain.note import Note, read_notes

Kind = Literal["signup", "unsubscribe", "booking", "feedback", "unread_booking", "sms"]

_UNKNOWN_TO_0_2 = ("notes", "visitor", "campaign", "is_closed")
"""Fields that a gateway of version 0.2 cannot read."""
_RESPONSE_FIELDS = {"booking": ("kind", "uid", "email", "start_ms"), "feedback": ("kind", "delivery_id")}


@dataclass(frozen=True, slots=True)
class Receipt:
    """
    The data from which the response to a spooled event is made.

    `email`, `segment` and `is_closed` belong to a signup; `payload` holds the fields that the response to a booking
    event or to feedback names.
    """

    enrollment_id: EnrollmentId
    email: str
    segment: str | None
    received_ms: int
    payload: Mapping[str, Any] = field(default_factory=dict)
    is_closed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SpooledEvent:
    """
    An event as one line of the spool holds it. Names and shapes are part of the file format.

    `id`: the ledger's id of the event, by which a repeated event is recognized. `enrollment_id`: the owner of the
    event: an enrollment or a booking, or the phone number that sent an SMS. Events of one owner are replayed in their
    order. `payload`: the fields of the assessment, the booking event, the feedback or the SMS; for an unsubscription
    the hash of the address as `mark`, None if the contact left only one series; for a booking event that could not be
    read, its text and the reason. `notes`: about fields of a signup or a booking event; `visitor`: the visitor of a
    signup (see `SignupForm`). `campaign`: the campaign of a signup, None for the first one. `is_closed`: the signup was
    answered with `closed`.
    """

    kind: Kind
    id: str
    received_ms: int
    enrollment_id: EnrollmentId
    segment: str | None
    payload: dict[str, Any]
    notes: list[dict[str, Any]] = field(default_factory=list)
    visitor: str | None = None
    campaign: str | None = None
    is_closed: bool = False

    def to_fields(self) -> dict[str, Any]:
        """Return the fields, without empty ones of `_UNKNOWN_TO_0_2`: version 0.2 can then replay the file."""
        fields = asdict(self)
        return {name: value for name, value in fields.items() if value or name not in _UNKNOWN_TO_0_2}

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> SpooledEvent:
        """Read an event. Raises TypeError or ValueError when `fields` are not those of one."""
        event = cls(**fields)
        if event.kind not in get_args(Kind):
            raise ValueError(f"unknown kind of event: {event.kind}")
        return event

    def receipt(self) -> Receipt:
        named = {name: self.payload.get(name) for name in _RESPONSE_FIELDS.get(self.kind, ())}
        return Receipt(
            self.enrollment_id, self.payload.get("email") or "", self.segment, self.received_ms, named, self.is_closed
        )

    def assessment(self) -> Assessment:
        types = {"consent": Consent, "sms_consent": SmsConsent}
        consents = {name: type_(**self.payload[name]) for name, type_ in types.items() if self.payload.get(name)}
        return Assessment(**{**self.payload, **consents})

    def read_notes(self) -> tuple[Note, ...]:
        return read_notes(self.notes)

    def booking(self) -> BookingEvent:
        return BookingEvent.from_fields(self.payload)

    def feedback(self) -> Feedback:
        return Feedback.from_fields(self.payload)
