"""What the provider reports of a mail or an SMS after it accepted it; repeated, late, in any order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from common.domain.delivery import Channel, delivery_of
from common.domain.enrollment import ExitReason
from common.domain.ids import DeliveryId, EnrollmentId

SOFT_BOUNCE_LIMIT = 5
"""Mailbox bounces in a row after which an address rests, unless the setting says otherwise."""

CONTENT_BOUNCE_PEOPLE = 3
"""Refusals of the content for so many people within a day are the campaign's fault."""

UNKNOWN_ID = "unknown"
"""In place of the provider's id of a mail, when an event does not name it."""

PREVIOUS_COMPLAINT = "previous_complaint"
"""Resend's reason for suppressing a mail to somebody who once called one spam; others bounced once."""


class FeedbackKind(StrEnum):
    """
    One event of the provider. Of several for one mail, complained > bounced, suppressed > delivered decides.

    The others end nothing. Soft bounces are counted: several in a row make an address rest. A contact who opens a
    mail is no better than one who does not.
    """

    SENT = "sent"
    DELIVERED = "delivered"
    DELAYED = "delayed"
    BOUNCED = "bounced"
    SOFT_BOUNCED = "soft-bounced"
    """The mailbox took it not, or for a reason nobody could determine: the next mail may well arrive."""
    CONTENT_BOUNCED = "content-bounced"
    """Refused for what it contains: no fault of the address."""
    COMPLAINED = "complained"
    SUPPRESSED = "suppressed"
    """Accepted, and never handed on: the address bounced or complained before."""
    FAILED = "failed"
    """Accepted, and never handed on: the quota of the day. No fault of the address."""
    OPENED = "opened"
    CLICKED = "clicked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """
    One event about one mail.

    `delivery_id`: None for a mail without tags of ours; it may be found by `provider_id`. `contact_id`: whom the mail
    was for, enrolled or not. `event_ms`: when it happened by the provider's clock; `mailed_ms`: when it accepted the
    mail; `received_ms`: arrival at the gateway. `address`: where the mail went, None when not reported. `detail`: its
    reason, without anything personal, or "". `number`: where an SMS went (E.164), which ends mail to nobody;
    `number_ends`: why no further SMS goes to it.
    """

    kind: FeedbackKind
    delivery_id: DeliveryId | None
    contact_id: EnrollmentId
    event_ms: int
    mailed_ms: int
    received_ms: int
    provider_id: str
    address: str | None = None
    detail: str = ""
    number: str | None = None
    number_ends: ExitReason | None = None

    @classmethod
    def from_fields(cls, reported: Mapping[str, Any]) -> Feedback:
        """From `dataclasses.asdict`, perhaps by way of JSON. Raises ValueError or TypeError for anything else."""
        if unknown := reported.keys() - {field.name for field in fields(cls)}:
            raise ValueError(f"feedback has no {', '.join(sorted(unknown))}")
        ends = reported.get("number_ends")
        return cls(
            **{**reported, "kind": FeedbackKind(reported["kind"]), "number_ends": ExitReason(ends) if ends else None}
        )

    @property
    def is_of_sms(self) -> bool:
        return self.delivery_id is not None and delivery_of(self.delivery_id).channel is Channel.SMS

    @property
    def ends(self) -> ExitReason | None:
        """Why the sequence ends and the address, or the number, is suppressed; None for what decides nothing."""
        if self.is_of_sms:
            return self.number_ends
        if self.kind is FeedbackKind.SUPPRESSED and self.detail == PREVIOUS_COMPLAINT:
            return ExitReason.COMPLAINED
        return _ENDS.get(self.kind)


_ENDS = {
    FeedbackKind.BOUNCED: ExitReason.BOUNCED,
    FeedbackKind.SUPPRESSED: ExitReason.BOUNCED,
    FeedbackKind.COMPLAINED: ExitReason.COMPLAINED,
}
