"""An enrollment: one contact in one campaign, its status and its end."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from common.domain.contact import Assessment
from common.domain.delivery import DeliveryStatus, Record
from common.domain.ids import EnrollmentId, Step


class Status(StrEnum):
    """
    `accepted` (durable, not yet classified) → `active` → `completed` or `exited`.

    `held`: a signup above an hourly limit; it becomes `accepted` when it is released.
    """

    HELD = "held"
    ACCEPTED = "accepted"
    ACTIVE = "active"
    COMPLETED = "completed"
    EXITED = "exited"


class ExitReason(StrEnum):
    UNSUBSCRIBED = "unsubscribed"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    LEFT = "left"
    """The contact left this campaign only; the address may get other mail."""
    REFUSED = "refused"
    """The provider does not accept the address as a recipient."""
    SUPPRESSED = "suppressed"
    """The team suppressed the address, with `advent suppress` or in the provider's suppression list."""
    STOPPED = "stopped"
    """A rule of the campaign or the team ended the enrollment; the address is not suppressed."""
    UNKNOWN = "unknown"
    """A rebuild found an early end without a readable reason; an operator decides whether the contact may get mail."""

    @property
    def is_suppressing(self) -> bool:
        """Whether the address gets no more mail from any campaign."""
        return self not in (ExitReason.STOPPED, ExitReason.LEFT)

    @property
    def ends_all_channels(self) -> bool:
        """
        Whether a person wants no more messages, on any channel. The other suppressing reasons only say that the
        mailbox cannot be used.
        """
        return self in (ExitReason.UNSUBSCRIBED, ExitReason.COMPLAINED, ExitReason.SUPPRESSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrollment:
    """
    The ledger's record of one contact in one campaign.

    `anchor_ms`: when the gateway received the first signup, or a held signup was released; all steps count from it.
    `assessed_ms`: when the newest assessment arrived. `next_step`, `next_due_ms`: the step that waits in the schedule,
    None when none does. `records`: final statuses so far, by step. `language`: one of the campaign's languages, None
    for its default. `contact`: the id under which the contact's calls are stored, None when it is this enrollment's
    own id. `revision` counts changes; `mirrored_revision` is the one that Notion shows. `pages`: Notion page ids, by
    database.
    """

    id: EnrollmentId
    campaign: str
    status: Status
    segment: str
    assessment: Assessment
    anchor_ms: int
    assessed_ms: int
    language: str | None = None
    contact: EnrollmentId | None = None
    exit_reason: ExitReason | None = None
    next_step: Step | None = None
    next_due_ms: int | None = None
    records: dict[Step, Record] = field(default_factory=dict)
    revision: int = 0
    mirrored_revision: int = 0
    pages: dict[str, str] = field(default_factory=dict)

    @property
    def contact_id(self) -> EnrollmentId:
        """The id under which the contact's calls are stored: the id of their enrollment in the first campaign."""
        return self.contact or self.id

    def step_status(self, step: Step) -> tuple[DeliveryStatus, str]:
        """Return the status and the reason of a step, even if the step was never claimed."""
        record = self.records.get(step)
        if record is not None:
            return record.status, record.detail
        if self.status is Status.EXITED:
            return DeliveryStatus.SKIPPED, self.exit_reason or ""
        return DeliveryStatus.PLANNED, ""
