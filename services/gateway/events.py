"""What comes in at the door: facts in the past tense, and the form in which the spool keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from common.domain.booking import BookingEvent
from common.domain.contact import Assessment
from common.domain.feedback import Feedback
from common.domain.ids import EnrollmentId, booking_id, enrollment_id
from common.domain.segment import Segment
from common.domain.suppression import Unsubscribe


@dataclass(frozen=True, slots=True)
class Receipt:
    """
    What the answer to a kept event is made of.

    `email` and `segment` are a signup's; `told`: what an answer names of a booking's event, or of feedback.
    """

    enrollment_id: EnrollmentId
    email: str
    segment: Segment | None
    received_ms: int
    told: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignupReceived:
    """A verified, valid signup. `received_ms` is the instant from which every step counts."""

    webhook_id: str
    received_ms: int
    assessment: Assessment

    def kept(self, campaign: str) -> Kept:
        return Kept(
            kind="signup",
            id=self.webhook_id,
            received_ms=self.received_ms,
            enrollment_id=enrollment_id(campaign, self.assessment.email),
            segment=self.assessment.segment,
            payload=asdict(self.assessment),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsubscribeReceived:
    """Somebody pressed the button, or their mail program did."""

    who: Unsubscribe
    received_ms: int

    def kept(self) -> Kept:
        return Kept(
            kind="unsubscribe",
            id=f"unsubscribe:{self.who.enrollment_id}",
            received_ms=self.received_ms,
            enrollment_id=self.who.enrollment_id,
            segment=None,
            payload={"mark": self.who.address_hash},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingReceived:
    """A verified event of Cal.com."""

    webhook_id: str
    event: BookingEvent

    def kept(self) -> Kept:
        return Kept(
            kind="booking",
            id=self.webhook_id,
            received_ms=self.event.received_ms,
            # Their order is of no importance: one booking is as good a queue as one person.
            enrollment_id=EnrollmentId(booking_id(self.event.uid)),
            segment=None,
            payload=asdict(self.event),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackReceived:
    """A verified event of Resend about a mail of ours."""

    webhook_id: str
    feedback: Feedback

    def kept(self) -> Kept:
        return Kept(
            kind="feedback",
            id=self.webhook_id,
            received_ms=self.feedback.received_ms,
            enrollment_id=self.feedback.contact_id,
            segment=None,
            payload=asdict(self.feedback),
        )


_ANSWERED = {"booking": ("kind", "uid", "email", "start_ms"), "feedback": ("kind", "delivery_id")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """
    An event as one line of the spool holds it.

    `id`: the ledger's name for it, by which a repetition is known. `enrollment_id`: whom it concerns, or which booking;
    what concerns the same is replayed in its order. `payload`: the fields of the assessment, the mark of the address,
    or the fields of the booking's event or of the feedback.
    """

    kind: Literal["signup", "unsubscribe", "booking", "feedback"]
    id: str
    received_ms: int
    enrollment_id: EnrollmentId
    segment: Segment | None
    payload: dict[str, Any]

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> Kept:
        """Raises TypeError or ValueError when these are not the fields of an event."""
        kept = cls(**fields)
        if kept.kind not in ("signup", "unsubscribe", "booking", "feedback"):
            raise ValueError(f"unknown kind of event: {kept.kind}")
        return cls(**{**fields, "segment": Segment(kept.segment) if kept.segment else None})

    def receipt(self) -> Receipt:
        told = {name: self.payload.get(name) for name in _ANSWERED.get(self.kind, ())}
        return Receipt(self.enrollment_id, self.payload.get("email") or "", self.segment, self.received_ms, told)

    def assessment(self) -> Assessment:
        return Assessment(**self.payload)

    def booking(self) -> BookingEvent:
        return BookingEvent.from_fields(self.payload)

    def feedback(self) -> Feedback:
        return Feedback.from_fields(self.payload)
