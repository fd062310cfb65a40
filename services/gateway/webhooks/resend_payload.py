"""Parses Resend's events about mails (Resend's webhook reference and OpenAPI description) into feedback."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from common.domain.feedback import Feedback, FeedbackKind
from common.domain.ids import DeliveryId, EnrollmentId, GuestId, is_enrollment_id, reminder_delivery_id
from common.normalization.time import read_timestamp_ms
from common.observability.logs import mask_text
from services.gateway.events import IgnoredEvent
from services.gateway.http.body import invalid_fields
from services.gateway.validation import lenient
from services.gateway.validation.lenient import Address, AnObject, Reason, Timestamp, Token
from services.web.problem import FieldError

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
_GUEST = re.compile(r"bkg_[a-z2-7]{16}(-[a-z2-7]{6})?")
_START = re.compile(r"\d{1,15}")
_REMINDER = re.compile(r"[A-Za-z0-9_-]{1,32}")


class FailureDetail(BaseModel):
    """Of a bounce, a suppression or a failure; Resend omits what it does not know."""

    model_config = ConfigDict(extra="ignore")

    type: Reason = None
    subType: Reason = None
    reason: Reason = None
    diagnosticCode: Annotated[list[Any], BeforeValidator(lambda value: value if isinstance(value, list) else [])] = []


class Mail(BaseModel):
    """`tags`: the tags that the mail was sent with, as an object of names and values."""

    model_config = ConfigDict(extra="ignore")

    email_id: Token = None
    created_at: Timestamp = None
    to: Annotated[list[Address], BeforeValidator(lambda value: value if isinstance(value, list) else [value])] = []
    tags: Annotated[dict[str, Any], AnObject] = {}
    bounce: Annotated[FailureDetail, AnObject] = FailureDetail()
    suppressed: Annotated[FailureDetail, AnObject] = FailureDetail()
    failed: Annotated[FailureDetail, AnObject] = FailureDetail()


class ResendEvent(BaseModel):
    """A webhook of Resend about a mail."""

    type: Annotated[str, Field(max_length=100)]
    created_at: Timestamp = None
    data: Annotated[Mail, AnObject] = Mail()


def parse_event(sent: dict[str, Any], *, campaign: str, received_ms: int) -> Feedback | IgnoredEvent:
    """The feedback in an event; one about a mail of another campaign is ignored. Raises Problem 422 without a type."""
    event = lenient.words(sent.get("type"), 100)
    if event is None:
        raise invalid_fields(FieldError("type", "is required, such as email.delivered"))
    kind = KINDS.get(event)
    if kind is None:
        return IgnoredEvent(event, "This event has no effect here.")
    mail = Mail.model_validate(lenient.an_object(sent.get("data")))
    owner = _delivery_and_contact(mail.tags) if mail.tags.get("campaign") == campaign else None
    if owner is None:
        return IgnoredEvent(event, "The mail has no tags of this campaign.")
    event_ms = read_timestamp_ms(sent.get("created_at"))
    event_ms = received_ms if event_ms is None else event_ms
    return Feedback(
        kind=_kind(kind, mail),
        delivery_id=owner[0],
        contact_id=owner[1],
        event_ms=event_ms,
        mailed_ms=event_ms if mail.created_at is None else mail.created_at,
        received_ms=received_ms,
        provider_id=mail.email_id or "unknown",
        address=next((address for address in mail.to if address is not None), None),
        detail=_detail(kind, mail),
    )


def _delivery_and_contact(tags: dict[str, Any]) -> tuple[DeliveryId, EnrollmentId] | None:
    """The delivery and its contact. A reminder's tags name the enrollment that its contact has or would have."""
    texts = {name: value for name, value in tags.items() if isinstance(value, str)}
    contact = texts.get("enrollment", "")
    if not is_enrollment_id(contact):
        return None
    if _STEP.fullmatch(texts.get("step", "")):
        return DeliveryId(f"{contact}/{texts['step']}"), EnrollmentId(contact)
    booking, start, reminder = (texts.get(name, "") for name in ("booking", "start", "reminder"))
    if _GUEST.fullmatch(booking) and _START.fullmatch(start) and _REMINDER.fullmatch(reminder):
        delivery = reminder_delivery_id(GuestId(booking), start_ms=int(start), name=reminder)
        return delivery, EnrollmentId(contact)
    return None


def _kind(kind: FeedbackKind, mail: Mail) -> FeedbackKind:
    """A bounce is permanent only when Resend says so: *Undetermined*, or a type that is new, ends no enrollment."""
    is_soft = kind is FeedbackKind.BOUNCED and mail.bounce.type != "Permanent"
    return FeedbackKind.SOFT_BOUNCED if is_soft else kind


def _detail(kind: FeedbackKind, mail: Mail) -> str:
    if kind is FeedbackKind.BOUNCED:
        bounce = mail.bounce
        diagnosis = lenient.words(next(iter(bounce.diagnosticCode), None), 160)
        return " ".join(mask_text(part) for part in (bounce.type, bounce.subType, diagnosis) if part)
    if kind is FeedbackKind.SUPPRESSED:
        return mask_text(mail.suppressed.reason or mail.suppressed.type or "")
    return mask_text(mail.failed.reason or "") if kind is FeedbackKind.FAILED else ""
