"""The ledger, the provider and Notion are read one after the other and compared; what is found is asked about twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from actors.sending.mail_matching import Subjects, by_address
from actors.sending.reconcile import CLOCKS_APART_MS
from actors.sending.render import reminder_rules
from common.domain.audit import Finding, Kind, Shown, Terms, compare
from common.domain.audit_reminders import AuditedReminder
from common.domain.enrollment import Enrollment
from common.domain.ids import EnrollmentId, normal_address
from common.domain.mail import AcceptedMail
from common.domain.notion_import import SequenceRow
from common.domain.projection import STEP_COLUMNS
from common.ledger.reads.audit_snapshot import AuditSnapshot, read_audit_snapshot
from common.providers.notion.rows import SequenceRows
from common.providers.patience import PatientBudget, patiently
from common.world import World

Say = Callable[[str], None]


@dataclass(slots=True)
class Report:
    """
    What the accounts do not agree on, and how much was compared.

    `people`: enrolled. `sent`: mails that the provider accepted, as the ledger says; `reminders`: how many of them are
    reminders. `mails`: those that the provider lists. `rows`: of Notion.
    """

    findings: list[Finding] = field(default_factory=list)
    people: int = 0
    sent: int = 0
    reminders: int = 0
    mails: int = 0
    rows: int = 0

    def of(self, kind: Kind) -> list[Finding]:
        return [finding for finding in self.findings if finding.kind == kind]


async def audit(world: World, rows: SequenceRows, *, say: Say = lambda _line: None) -> Report:
    """
    Compare all three.

    1. Read the ledger, then the provider's list, then Notion: a mail that the first one knows must be in the others.
    2. Read again from the ledger whoever did not agree: what was on its way then is settled now, or is a finding.

    Raises a `Failure` when one of them cannot be read.
    """
    before = await _account(world)
    say(f"{len(before.people)} people and {len(before.reminders)} reminders read from the ledger")
    mails = await _mails(world, before, say)
    shown = [_shown(row) async for row in rows.read()]
    say(f"{len(shown)} rows read from Notion")
    subjects = _Subjects(world)
    found = _compared(world, before, mails, shown, subjects)
    if found:
        suspects = {finding.email for finding in found}
        again = await _account(world, only=[*(await world.ledger.mailboxes.find_all(suspects)).values()])
        found &= _compared(world, again, mails, [row for row in shown if row.email in suspects], subjects)
    reminders = sum(reminder.sent_as is not None for reminder in before.reminders)
    steps = sum(record.sent_ms is not None for one in before.people for record in one.enrollment.records.values())
    return Report(
        findings=sorted(found),
        people=len(before.people),
        sent=steps + reminders,
        reminders=reminders,
        mails=len({mail.id for some in mails.values() for mail in some}),
        rows=len(shown),
    )


async def _account(world: World, *, only: Sequence[EnrollmentId] | None = None) -> AuditSnapshot:
    return await read_audit_snapshot(world.ledger, reminder_rules(world), now_ms=world.clock.now_ms(), only=only)


def _compared(
    world: World,
    ledger: AuditSnapshot,
    mails: dict[str, list[AcceptedMail]],
    shown: Sequence[Shown],
    subjects: _Subjects,
) -> set[Finding]:
    terms = Terms(now_ms=world.clock.now_ms(), cadence=world.ledger.cadence, is_waiting=ledger.is_waiting)
    return compare(ledger.people, mails, shown, subjects, terms, reminders=ledger.reminders, unread=ledger.unread)


async def _mails(world: World, ledger: AuditSnapshot, say: Say) -> dict[str, list[AcceptedMail]]:
    """By address, since the first signup, or since the first call was told of."""
    since = [one.enrollment.anchor_ms for one in ledger.people]
    since += [reminder.booking.received_ms for reminder in ledger.reminders]
    since += [record.sent_ms for one in ledger.reminders if (record := one.record) and record.sent_ms is not None]
    if not since:
        return {}
    budget = PatientBudget(world.mail_budget)
    listed = await patiently(lambda: world.mailer.list_all_accepted(min(since) - CLOCKS_APART_MS, budget=budget))
    say(f"{len(listed)} mails read from Resend")
    return by_address(listed)


def _shown(row: SequenceRow) -> Shown:
    names = {f"Email {step} Sent": step for step in range(1, STEP_COLUMNS + 1)}
    return Shown(
        page_id=row.page_id,
        email=normal_address(str(row.values.get("Email") or "")),
        steps=frozenset(step for name, step in names.items() if row.values.get(name) is not None),
        columns=frozenset(step for name, step in names.items() if name in row.columns),
    )


class _Subjects:
    def __init__(self, world: World) -> None:
        self._subjects = Subjects(world.campaign, world.settings)

    def step_of(self, mail: AcceptedMail, enrollment: Enrollment) -> int | None:
        return next(iter(self._subjects.steps_of(mail.subject, enrollment.assessment)), None)

    def reminder_of(self, mail: AcceptedMail, reminders: Sequence[AuditedReminder]) -> AuditedReminder | None:
        return self._subjects.reminder_of(mail, reminders)

    def is_ours(self, mail: AcceptedMail) -> bool:
        return self._subjects.is_ours(mail)
