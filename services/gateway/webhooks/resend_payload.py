"""Parses Resend's events about mails (Resend's webhook reference and OpenAPI description) into feedback."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from common.domain.delivery import Trigger
from common.domain.feedback import UNKNOWN_ID, Feedback, FeedbackKind
from common.domain.ids import (
    DeliveryId,
    EnrollmentId,
    GuestId,
    enrollment_id,
    follow_up_delivery_id,
    is_enrollment_id,
    reminder_delivery_id,
)
from common.normalization import lenient
from common.normalization.locale import read_timestamp_ms
from common.observability.logs import mask_text
from services.gateway.events import IgnoredEvent
from services.gateway.http.body import invalid_fields
from services.gateway.validation.lenient import Address, AnObject, Reason, Timestamp, Token
from services.web.problem import FieldError

KIND_BY_EVENT = {
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
EVENT_BY_KIND = {kind: event for event, kind in KIND_BY_EVENT.items()} | {
    FeedbackKind.SOFT_BOUNCED: "email.bounced",
    FeedbackKind.CONTENT_BOUNCED: "email.bounced",
}
NOT_OURS = "The mail is not of this campaign."

_CONTENT = frozenset({"contentrejected", "attachmentrejected", "messagetoolarge"})
_PERMANENT_TEXT = re.compile(
    r"hard bounce|permanent|user unknown|unknown user|no such (user|mailbox|recipient|address)|does not exist"
    r"|\b5\.1\.\d|\b5\.4\.4\b",
    re.IGNORECASE,
)
_CONTENT_TEXT = re.compile(r"\b5\.(3\.4|6\.\d|7\.\d)|\bspam\b|content|too (large|big)", re.IGNORECASE)
"""Enhanced status codes: RFC 3463, sections 3.2, 3.4, 3.7 and 3.8."""

_STEP = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")
_GUEST = re.compile(r"bkg_[a-z2-7]{16}(-[a-z2-7]{6})?")
_START = re.compile(r"\d{1,15}")
_REMINDER = re.compile(r"[A-Za-z0-9_-]{1,32}")


class FailureDetail(BaseModel):
    """The details of a bounce, a suppression or a failure. Resend omits what it does not know."""

    model_config = ConfigDict(extra="ignore")

    type: Reason = None
    subType: Reason = None
    reason: Reason = None
    message: Reason = None
    diagnosticCode: Annotated[list[Any], BeforeValidator(lambda value: value if isinstance(value, list) else [])] = []


def _tags(value: Any) -> dict[str, str]:
    if isinstance(value, list):
        tags = [(tag.get("name"), tag.get("value")) for tag in value if isinstance(tag, dict)]
    else:
        tags = [*value.items()] if isinstance(value, dict) else []
    return {name: text for name, text in tags if isinstance(name, str) and isinstance(text, str)}


class Mail(BaseModel):
    """
    The mail that an event is about.

    `tags`: the tags that the mail was sent with, as an object of names and values or as a list of `{name, value}`. Tags
    that are not text are dropped, because Advent sends none.
    """

    model_config = ConfigDict(extra="ignore")

    email_id: Token = None
    created_at: Timestamp = None
    to: Annotated[list[Address], BeforeValidator(lambda value: value if isinstance(value, list) else [value])] = []
    tags: Annotated[dict[str, str], BeforeValidator(_tags)] = {}
    bounce: Annotated[FailureDetail, AnObject] = FailureDetail()
    suppressed: Annotated[FailureDetail, AnObject] = FailureDetail()
    failed: Annotated[FailureDetail, AnObject] = FailureDetail()


class ResendEvent(BaseModel):
    """A webhook of Resend about a mail."""

    type: Annotated[str, Field(max_length=100)]
    created_at: Timestamp = None
    data: Annotated[Mail, AnObject] = Mail()


def parse_event(sent: dict[str, Any], *, campaigns: Collection[str], received_ms: int) -> Feedback | IgnoredEvent:
    """
    Return the feedback in an event. `campaigns`: the keys of the campaigns whose tags count.

    A mail without such tags is attributed to its only recipient: the ledger may know its id or this address. Without
    exactly one recipient the event is ignored. Raises Problem 422 without a type.
    """
    event = lenient.words(sent.get("type"), 100)
    if event is None:
        raise invalid_fields(FieldError("type", "is required, such as email.delivered"))
    kind = KIND_BY_EVENT.get(event)
    if kind is None:
        return IgnoredEvent(event, "This event has no effect here.")
    mail = Mail.model_validate(lenient.object_or_empty(sent.get("data")))
    recipients = [address for address in mail.to if address is not None]
    owner: tuple[DeliveryId | None, EnrollmentId] | None = None
    if mail.tags.get("campaign") in campaigns:
        owner = _delivery_and_contact(mail.tags)
    if owner is None:
        if len(recipients) != 1:  # Of several, it is unknown which one is meant.
            return IgnoredEvent(event, NOT_OURS)
        owner = None, enrollment_id(next(iter(campaigns)), recipients[0])
    event_ms = read_timestamp_ms(sent.get("created_at"))
    event_ms = received_ms if event_ms is None else event_ms
    return Feedback(
        kind=_kind(kind, mail),
        delivery_id=owner[0],
        contact_id=owner[1],
        event_ms=event_ms,
        mailed_ms=event_ms if mail.created_at is None else mail.created_at,
        received_ms=received_ms,
        provider_id=mail.email_id or UNKNOWN_ID,
        address=next(iter(recipients), None),
        detail=_detail(kind, mail),
    )


def _delivery_and_contact(tags: dict[str, str]) -> tuple[DeliveryId, EnrollmentId] | None:
    """Return the delivery and its contact, or None. A reminder's contact need not be enrolled, but has an id."""
    contact = tags.get("enrollment", "")
    if not is_enrollment_id(contact):
        return None
    if _STEP.fullmatch(tags.get("step", "")):
        return DeliveryId(f"{contact}/{tags['step']}"), EnrollmentId(contact)
    booking, start, reminder = (tags.get(name, "") for name in ("booking", "start", "reminder"))
    if _GUEST.fullmatch(booking) and _START.fullmatch(start) and _REMINDER.fullmatch(reminder):
        delivery = reminder_delivery_id(GuestId(booking), start_ms=int(start), name=reminder)
        return delivery, EnrollmentId(contact)
    trigger, follow_up = tags.get("trigger", ""), tags.get("follow_up", "")
    if _GUEST.fullmatch(booking) and trigger in list(Trigger) and _REMINDER.fullmatch(follow_up):
        return follow_up_delivery_id(GuestId(booking), on=trigger, name=follow_up), EnrollmentId(contact)
    return None


def _kind(kind: FeedbackKind, mail: Mail) -> FeedbackKind:
    """Return the kind, with bounces told apart. One of type *Undetermined*, or of a new type, ends no enrollment."""
    if kind is not FeedbackKind.BOUNCED:
        return kind
    bounce = mail.bounce
    if _is_permanent(bounce):
        return FeedbackKind.BOUNCED
    sub_type = (bounce.subType or "").lower()
    is_content = sub_type in _CONTENT or (not sub_type and _CONTENT_TEXT.search(_text(bounce)))
    return FeedbackKind.CONTENT_BOUNCED if is_content else FeedbackKind.SOFT_BOUNCED


def _is_permanent(bounce: FailureDetail) -> bool:
    """Return whether the type says so. Without a type, the text decides."""
    if bounce.type is not None:
        return bounce.type.lower() == "permanent"
    return _PERMANENT_TEXT.search(_text(bounce)) is not None


def _text(bounce: FailureDetail) -> str:
    return " ".join(filter(None, (bounce.message, _diagnosis(bounce))))


def _diagnosis(bounce: FailureDetail) -> str | None:
    return lenient.words(next(iter(bounce.diagnosticCode), None), 160)


def _detail(kind: FeedbackKind, mail: Mail) -> str:
    if kind is FeedbackKind.BOUNCED:
        bounce = mail.bounce
        parts = (bounce.type or bounce.message, bounce.subType, _diagnosis(bounce))
        return " ".join(mask_text(part) for part in parts if part)
    if kind is FeedbackKind.SUPPRESSED:
        return mask_text(mail.suppressed.reason or mail.suppressed.type or "")
    return mask_text(mail.failed.reason or "") if kind is FeedbackKind.FAILED else ""
