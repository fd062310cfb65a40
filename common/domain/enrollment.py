"""One contact's way through one version of the campaign."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from common.domain.contact import Assessment
from common.domain.delivery import DeliveryStatus, Record
from common.domain.ids import EnrollmentId, Step


class Status(StrEnum):
    """
    `accepted` (durable, not yet classified) → `active` → `completed` or `exited`.

    `held`: a signup beyond a bound, which is `accepted` once it is released.
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
    """This series only; the address may be written to."""
    REFUSED = "refused"
    """The provider does not accept the address as a recipient."""
    SUPPRESSED = "suppressed"
    """By a person of the team, with `advent suppress` or in the provider's suppression list."""
    STOPPED = "stopped"
    """By a rule of the campaign, or by a person of the team; the address is not suppressed."""
    UNKNOWN = "unknown"
    """A rebuild found an early end without a readable reason; a person decides whether they may be written to."""

    @property
    def is_suppressing(self) -> bool:
        """Whether nothing more goes to the address, in no campaign."""
        return self not in (ExitReason.STOPPED, ExitReason.LEFT)

    @property
    def is_persons_word(self) -> bool:
        """Somebody wants no more, on any channel; the others say that a mailbox takes no mail."""
        return self in (ExitReason.UNSUBSCRIBED, ExitReason.COMPLAINED, ExitReason.SUPPRESSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrollment:
    """
    What the ledger knows of one person in one campaign.

    `anchor_ms`: the instant the gateway received the first signup, or a held one was released; every step counts from
    it. `next_step` and `next_due_ms`: the step that waits in the schedule, None when none does. `records`:
    final statuses so far, by step. `language`: one of the campaign's, None: its default. `contact`: the id with
    which the person's calls are kept, None: its own.
    `revision` counts changes; `mirrored_revision` is the one Notion shows. `pages`: Notion page ids by database.
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
        """The id with which the person's calls are kept: of their enrollment in the first campaign."""
        return self.contact or self.id

    def final_status_of(self, step: Step) -> tuple[DeliveryStatus, str]:
        """One status and one reason for every step, also for those that were never claimed."""
        record = self.records.get(step)
        if record is not None:
            return record.final_status, record.detail
        if self.status is Status.EXITED:
            return DeliveryStatus.SKIPPED, self.exit_reason or ""
        return DeliveryStatus.PLANNED, ""
