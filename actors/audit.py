"""The ledger, the provider and Notion are read one after the other and compared; what is found is asked about twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from actors.acceptances import Subjects, by_address
from actors.reconcile import CLOCKS_APART_MS
from common.domain.audit import Audited, Finding, Kind, Shown, Terms, compare
from common.domain.enrollment import Enrollment
from common.domain.ids import enrollment_id, normal_address
from common.domain.mail import AcceptedMail
from common.domain.projection import STEP_COLUMNS
from common.domain.restored import SequenceRow
from common.ledger import booking_views
from common.ledger.account import Account, account
from common.providers.notion_rows import SequenceRows
from common.providers.patience import PatientBudget, patiently
from common.world import World

Say = Callable[[str], None]


@dataclass(slots=True)
class Report:
    """What the accounts do not agree on, and how much was compared."""

    findings: list[Finding] = field(default_factory=list)
    people: int = 0
    sent: int = 0
    mails: int = 0
    rows: int = 0

    def of(self, kind: Kind) -> list[Finding]:
        return [finding for finding in self.findings if finding.kind == kind]


async def audit(world: World, rows: SequenceRows, *, say: Say = lambda _line: None) -> Report:
    """
    Compare all three.

    1. Read the ledger, then the provider's list, then Notion: a mail that the first one knows must be in the others.
    2. Read again from the ledger whoever did not agree: what was on its way then is settled now, or is a finding.
    3. Mails of theirs that are reminders of calls are explained.

    Raises a `Failure` when one of them cannot be read.
    """
    before = await account(world.ledger)
    say(f"{len(before.people)} people read from the ledger")
    mails = await _mails(world, before.people, say)
    shown = [_shown(row) async for row in rows.read()]
    say(f"{len(shown)} rows read from Notion")
    subjects = _Subjects(world)
    found = _compared(world, before, mails, shown, subjects)
    if found:
        suspects = {finding.email for finding in found}
        again = await account(world.ledger, only=[enrollment_id(world.ledger.campaign, email) for email in suspects])
        explained = await _reminders(world, again.people)
        left = {email: [m for m in mails.get(email, ()) if m.id not in explained] for email in suspects}
        found &= _compared(world, again, left, [row for row in shown if row.email in suspects], subjects)
    return Report(
        findings=sorted(found),
        people=len(before.people),
        sent=sum(record.sent_ms is not None for one in before.people for record in one.enrollment.records.values()),
        mails=len({mail.id for some in mails.values() for mail in some}),
        rows=len(shown),
    )


def _compared(
    world: World,
    ledger: Account,
    mails: dict[str, list[AcceptedMail]],
    shown: Sequence[Shown],
    subjects: _Subjects,
) -> set[Finding]:
    terms = Terms(now_ms=world.clock.now_ms(), cadence=world.ledger.cadence, is_waiting=ledger.is_waiting)
    return compare(ledger.people, mails, shown, subjects, terms)


async def _mails(world: World, people: Sequence[Audited], say: Say) -> dict[str, list[AcceptedMail]]:
    if not people:
        return {}
    first_ms = min(one.enrollment.anchor_ms for one in people) - CLOCKS_APART_MS
    budget = PatientBudget(world.mail_budget)
    listed = await patiently(lambda: world.mailer.list_all_accepted(first_ms, budget=budget))
    say(f"{len(listed)} mails read from Resend")
    return by_address(listed)


async def _reminders(world: World, people: Sequence[Audited]) -> set[str]:
    """The provider's ids of reminders that were sent to them."""
    return {
        record.detail
        for one in people
        async for call in booking_views.calls(world.ledger, one.enrollment.id)
        for record in call.reminders.values()
        if record.sent_ms is not None
    }


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

    def is_ours(self, mail: AcceptedMail) -> bool:
        return self._subjects.is_ours(mail)
