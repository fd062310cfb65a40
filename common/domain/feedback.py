"""Feedback: the provider's reports about an accepted mail or SMS. They can be repeated, late and in any order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from common.domain.delivery import Channel, delivery_of
from common.domain.enrollment import ExitReason
from common.domain.ids import DeliveryId, EnrollmentId

SOFT_BOUNCE_LIMIT = 5
"""The number of soft bounces in a row after which an address rests, unless the setting says otherwise."""

CONTENT_BOUNCE_PEOPLE = 3
"""When the content is refused for this many contacts within a day, the fault lies with the campaign."""

UNKNOWN_ID = "unknown"
"""Stands for the provider's id of a mail when an event does not contain it."""

PREVIOUS_COMPLAINT = "previous_complaint"
"""Resend's reason for suppressing a mail to a contact who once reported spam. For other reasons, they once bounced."""


class FeedbackKind(StrEnum):
    """
    The kind of a provider's event. When a mail has several, the strongest decides: complained, then bounced or
    suppressed, then delivered.

    The other kinds end nothing. Soft bounces are counted: after several in a row an address rests. Opens and clicks
    change nothing for a contact.
    """

    SENT = "sent"
    DELIVERED = "delivered"
    DELAYED = "delayed"
    BOUNCED = "bounced"
    SOFT_BOUNCED = "soft-bounced"
    """The mailbox refused this mail, or it bounced for an unknown reason; the next mail may well arrive."""
    CONTENT_BOUNCED = "content-bounced"
    """Refused because of its content; the address is not at fault."""
    COMPLAINED = "complained"
    SUPPRESSED = "suppressed"
    """Accepted but never sent on, because the address bounced or complained before."""
    FAILED = "failed"
    """Accepted but never sent on, because the daily quota was used up; the address is not at fault."""
    OPENED = "opened"
    CLICKED = "clicked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """
    One event about one mail or SMS.

    `delivery_id`: None for a mail without our tags; `provider_id` may identify it. `contact_id`: the contact to whom it
    was sent, enrolled or not. `event_ms`: when it happened, by the provider's clock. `mailed_ms`: when the provider
    accepted the mail. `received_ms`: arrival at the gateway. `address`: the address of the mail, None when not
    reported. `detail`: the reason without personal data, or "". `number`: the number of an SMS (E.164); its feedback
    never ends mail. `number_ends`: why the number gets no further SMS.
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
        """
        Read feedback from the output of `dataclasses.asdict`, also after a round trip through JSON. Raises ValueError
        or TypeError for anything else.
        """
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
        """Why the enrollment ends and the address (or number) is suppressed; None if this event ends nothing."""
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
