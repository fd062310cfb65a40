"""Resend's events about mails (webhook reference; openapi `webhooks`), as feedback of ours."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from common.domain.feedback import Feedback, FeedbackKind
from common.domain.ids import BookingId, DeliveryId, EnrollmentId, is_enrollment_id, reminder_delivery_id
from common.observability.redaction import mask_text
from services.gateway.problem import FieldError, Problem
from services.gateway.replies import Ignored
from services.gateway.webhooks import lenient
from services.gateway.webhooks.lenient import Address, AnObject, Instant, Reason, Token

KINDS = {
    "email.sent": FeedbackKind.SENT,
    "email.delivered": FeedbackKind.DELIVERED,
    "email.delivery_delayed": FeedbackKind.DELAYED,
    "email.bounced": FeedbackKind.BOUNCED,
    "email.complained": FeedbackKind.COMPLAINED,
    "email.suppressed": FeedbackKind.SUPPRESSED,
    "email.failed": FeedbackKind.FAILED,
    "email.opened": FeedbackKind.OPENED,
    "email.clicked": FeedbackKind.CLICKED,
}
EVENTS = {kind: event for event, kind in KINDS.items()} | {FeedbackKind.SOFT_BOUNCED: "email.bounced"}

_STEP = re.compile(r"step-[1-9]\d{0,2}")
_BOOKING = re.compile(r"bkg_[a-z2-7]{16}")
_START = re.compile(r"\d{1,15}")
_REMINDER = re.compile(r"[A-Za-z0-9_-]{1,32}")


class Why(BaseModel):
    """Of a bounce, a suppression or a failure; what Resend does not say is absent."""

    model_config = ConfigDict(extra="ignore")

    type: Reason = None
    subType: Reason = None
    reason: Reason = None
    diagnosticCode: Annotated[list[Any], BeforeValidator(lambda value: value if isinstance(value, list) else [])] = []


class Mail(BaseModel):
    """`tags`: those we gave the mail, as an object of names and values."""

    model_config = ConfigDict(extra="ignore")

    email_id: Token = None
    created_at: Instant = None
    to: Annotated[list[Address], BeforeValidator(lambda value: value if isinstance(value, list) else [value])] = []
    tags: Annotated[dict[str, Any], AnObject] = {}
    bounce: Annotated[Why, AnObject] = Why()
    suppressed: Annotated[Why, AnObject] = Why()
    failed: Annotated[Why, AnObject] = Why()


class ResendEvent(BaseModel):
    """A webhook of Resend about a mail."""

    type: Annotated[str, Field(max_length=100)]
    created_at: Instant = None
    data: Annotated[Mail, AnObject] = Mail()


def read(told: dict[str, Any], *, campaign: str, received_ms: int) -> Feedback | Ignored:
    """The feedback. Raises Problem 422 without a type; an event about a mail that is not ours is ignored."""
    event = lenient.words(told.get("type"), 100)
    if event is None:
        errors = (FieldError("type", "is required, such as email.delivered"),)
        raise Problem(422, "some fields are not as they should be", errors=errors)
    kind = KINDS.get(event)
    if kind is None:
        return Ignored(event, "This event changes nothing here.")
    mail = Mail.model_validate(lenient.an_object(told.get("data")))
    named = _named(mail.tags) if mail.tags.get("campaign") == campaign else None
    if named is None:
        return Ignored(event, "Not ours: the mail has no tags of this campaign.")
    event_ms = lenient.instant_ms(told.get("created_at"))
    event_ms = received_ms if event_ms is None else event_ms
    return Feedback(
        kind=_kind(kind, mail),
        delivery_id=named[0],
        contact_id=named[1],
        event_ms=event_ms,
        mailed_ms=event_ms if mail.created_at is None else mail.created_at,
        received_ms=received_ms,
        provider_id=mail.email_id or "unknown",
        address=next((address for address in mail.to if address is not None), None),
        detail=_detail(kind, mail),
    )


def _named(tags: dict[str, Any]) -> tuple[DeliveryId, EnrollmentId] | None:
    """The delivery and its person; a reminder bears the id that their enrollment has or would have."""
    said = {name: value for name, value in tags.items() if isinstance(value, str)}
    contact = said.get("enrollment", "")
    if not is_enrollment_id(contact):
        return None
    if _STEP.fullmatch(said.get("step", "")):
        return DeliveryId(f"{contact}/{said['step']}"), EnrollmentId(contact)
    booking, start, reminder = (said.get(name, "") for name in ("booking", "start", "reminder"))
    if _BOOKING.fullmatch(booking) and _START.fullmatch(start) and _REMINDER.fullmatch(reminder):
        named = reminder_delivery_id(BookingId(booking), start_ms=int(start), name=reminder)
        return named, EnrollmentId(contact)
    return None


def _kind(kind: FeedbackKind, mail: Mail) -> FeedbackKind:
    """Only what is called permanent is: Undetermined, and a word not known yet, end nobody's letters."""
    soft = kind is FeedbackKind.BOUNCED and mail.bounce.type != "Permanent"
    return FeedbackKind.SOFT_BOUNCED if soft else kind


def _detail(kind: FeedbackKind, mail: Mail) -> str:
    if kind is FeedbackKind.BOUNCED:
        why = mail.bounce
        diagnosis = lenient.words(next(iter(why.diagnosticCode), None), 160)
        return " ".join(mask_text(part) for part in (why.type, why.subType, diagnosis) if part)
    if kind is FeedbackKind.SUPPRESSED:
        return mask_text(mail.suppressed.reason or mail.suppressed.type or "")
    return mask_text(mail.failed.reason or "") if kind is FeedbackKind.FAILED else ""
