"""Verified events as the handlers pass them on, and the form in which the spool keeps each of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from common.domain.booking import BookingEvent
from common.domain.contact import Assessment
from common.domain.feedback import Feedback
from common.domain.ids import EnrollmentId, booking_id, enrollment_id
from common.domain.suppression import Unsubscribe
from services.gateway.spool.spooled_event import SpooledEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class SignupReceived:
    """A valid signup. The due times of all steps count from `received_ms`."""

    webhook_id: str
    received_ms: int
    assessment: Assessment

    def spooled(self, campaign: str) -> SpooledEvent:
        return SpooledEvent(
            kind="signup",
            id=self.webhook_id,
            received_ms=self.received_ms,
            enrollment_id=enrollment_id(campaign, self.assessment.email),
            segment=self.assessment.segment,
            payload=asdict(self.assessment),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsubscribeReceived:
    """A contact, or their mail program, used the unsubscribe link."""

    link: Unsubscribe
    received_ms: int

    def spooled(self) -> SpooledEvent:
        return SpooledEvent(
            kind="unsubscribe",
            id=f"unsubscribe:{self.link.enrollment_id}",
            received_ms=self.received_ms,
            enrollment_id=self.link.enrollment_id,
            segment=None,
            payload={"mark": self.link.address_hash},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingReceived:
    """A valid booking event of Cal.com."""

    webhook_id: str
    event: BookingEvent

    def spooled(self) -> SpooledEvent:
        return SpooledEvent(
            kind="booking",
            id=self.webhook_id,
            received_ms=self.event.received_ms,
            # Replay keeps the order for each owner, and the owner of a booking's events is the booking.
            enrollment_id=EnrollmentId(booking_id(self.event.uid)),
            segment=None,
            payload=asdict(self.event),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackReceived:
    """A valid event of Resend about a mail of this campaign."""

    webhook_id: str
    feedback: Feedback

    def spooled(self) -> SpooledEvent:
        return SpooledEvent(
            kind="feedback",
            id=self.webhook_id,
            received_ms=self.feedback.received_ms,
            enrollment_id=self.feedback.contact_id,
            segment=None,
            payload=asdict(self.feedback),
        )


@dataclass(frozen=True, slots=True)
class IgnoredEvent:
    """A genuine event that has no effect here, and the reason. The sender made no mistake and must not retry it."""

    event: str
    message: str

    def body(self) -> dict[str, str]:
        """The body of the 200 that answers it."""
        return {"status": "ignored", "event": self.event, "message": self.message}
