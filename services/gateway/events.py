"""Verified events as the handlers pass them on, their form in the spool, and metrics of fields that were not used."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from common.domain.booking import BookingEvent
from common.domain.campaign_terms import CampaignTerms
from common.domain.contact import Assessment
from common.domain.feedback import Feedback
from common.domain.ids import EnrollmentId, booking_id
from common.domain.note import Note, NoteKind, note_fields
from common.domain.suppression import Unsubscribe
from common.ledger.texts import Word
from common.ledger.unread_bookings import unread_id
from common.normalization.fields import shown_name
from common.observability import metrics
from services.gateway.spool.spooled_event import SpooledEvent

NAMES_MAX = 50
OTHER = "other"

_LABEL = re.compile(r"[a-z0-9_ ]{1,40}")
_seen: set[str] = set()


@dataclass(frozen=True, slots=True, kw_only=True)
class SignupForm:
    """
    The content of a signup's body. `notes`: about fields that were not used as sent. `visitor`: an opaque text by which
    the website tells its visitors apart.
    """

    assessment: Assessment
    visitor: str | None = None
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SignupReceived:
    """A valid signup. The due times of all steps count from `received_ms`."""

    webhook_id: str
    received_ms: int
    campaign: str
    form: SignupForm

    def spooled(self, terms: CampaignTerms, enrollment: EnrollmentId, *, is_first: bool) -> SpooledEvent:
        """`enrollment`: the id of a new enrollment of this mailbox. The store may know another id, but it is away."""
        return SpooledEvent(
            kind="signup",
            id=self.webhook_id,
            received_ms=self.received_ms,
            enrollment_id=enrollment,
            segment=terms.segment_of(self.form.assessment),
            payload=_without_unsaid_consents(asdict(self.form.assessment)),
            notes=note_fields(self.form.notes),
            visitor=self.form.visitor,
            campaign=None if is_first else terms.key,
            is_closed=not terms.is_open(self.received_ms),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsubscribeReceived:
    """A contact, or their mail program, used the unsubscribe link. `series_only`: other mail may still be sent."""

    link: Unsubscribe
    received_ms: int
    series_only: bool = False

    @property
    def address_hash(self) -> str | None:
        """The hash of the address to suppress; None when no address is suppressed."""
        return None if self.series_only else self.link.address_hash

    def spooled(self) -> SpooledEvent:
        scope = ":series" if self.series_only else ""
        return SpooledEvent(
            kind="unsubscribe",
            id=f"unsubscribe:{self.link.enrollment_id}{scope}",
            received_ms=self.received_ms,
            enrollment_id=self.link.enrollment_id,
            segment=None,
            payload={"mark": self.address_hash},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingReceived:
    """A valid booking event of Cal.com. `trigger`: what Cal.com calls it. `notes`: as in `SignupForm`."""

    webhook_id: str
    trigger: str
    event: BookingEvent
    notes: tuple[Note, ...] = ()

    def spooled(self) -> SpooledEvent:
        return SpooledEvent(
            kind="booking",
            id=self.webhook_id,
            received_ms=self.event.received_ms,
            # Replay keeps the order for each owner, and the owner of a booking's events is the booking.
            enrollment_id=EnrollmentId(booking_id(self.event.uid)),
            segment=None,
            payload=asdict(self.event),
            notes=note_fields(self.notes),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadBooking:
    """A body that Cal.com signed but that cannot be used in full. `raw`: its text; `reason`: what is wrong."""

    raw: str
    reason: str
    received_ms: int

    def spooled(self) -> SpooledEvent:
        id = unread_id(self.raw)
        return SpooledEvent(
            kind="unread_booking",
            id=f"unread:{id}",
            received_ms=self.received_ms,
            enrollment_id=EnrollmentId(id),
            segment=None,
            payload={"raw": self.raw, "reason": self.reason},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackReceived:
    """A valid event of Resend about a mail, or of Twilio about an SMS."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsReceived:
    """An SMS that a phone sent. `is_answered`: Twilio has replied to it already."""

    webhook_id: str
    number: str
    word: Word
    text: str
    received_ms: int
    is_answered: bool = False

    def spooled(self) -> SpooledEvent:
        return SpooledEvent(
            kind="sms",
            id=self.webhook_id,
            received_ms=self.received_ms,
            # Replay keeps the order for each owner, and the owner is the phone.
            enrollment_id=EnrollmentId(self.number),
            segment=None,
            payload={"number": self.number, "word": self.word, "text": self.text},
        )


@dataclass(frozen=True, slots=True)
class IgnoredEvent:
    """A genuine event that has no effect here, and the reason. The sender made no mistake and must not retry it."""

    event: str
    message: str

    def body(self) -> dict[str, str]:
        """Return the body of the response, a 200."""
        return {"status": "ignored", "event": self.event, "message": self.message}


def _without_unsaid_consents(fields: dict[str, Any]) -> dict[str, Any]:
    """Drop consents that are None, so that a gateway of version 0.2, which lacks these fields, can read the event."""
    return {name: value for name, value in fields.items() if not name.endswith("consent") or value is not None}


def count_notes(notes: Iterable[Note]) -> None:
    """Count the notes of one accepted event in the metrics."""
    for note in notes:
        if note.kind is NoteKind.DROPPED:
            metrics.FIELDS_DROPPED.labels(note.field).inc()
        elif note.sent_as is not None:
            metrics.FIELDS_UNKNOWN.labels(_label(note.sent_as)).inc()


def count_refused(fields: Iterable[str]) -> None:
    """Count the unusable required fields of a refused signup in the metrics."""
    for field in fields:
        metrics.FIELDS_DROPPED.labels(field if _LABEL.fullmatch(field) else OTHER).inc()


def _label(name: str) -> str:
    """Return the label for a name. Only the first NAMES_MAX names get a label of their own."""
    shown = shown_name(name)
    if shown is None or (shown not in _seen and len(_seen) >= NAMES_MAX):
        return OTHER
    _seen.add(shown)
    return shown
