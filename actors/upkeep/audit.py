"""The ledger, the provider and Notion are read one after the other and compared; what is found is asked about twice."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

from actors.sending.find_accepted import CLOCKS_APART_MS
from actors.sending.mail_matching import Subjects, by_address, subjects_of
from actors.sending.render import reminder_rules
from common.campaigns.campaign import Campaign
from common.domain.audit import Audited, Finding, Kind, Shown, Terms, compare
from common.domain.delivery import Channel
from common.domain.ids import Step, normal_address
from common.domain.mail import AcceptedMail
from common.domain.notion_import import SequenceRow
from common.domain.projection import CampaignColumns
from common.domain.text import AcceptedText
from common.errors import Permanent
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
    reminders. `mails`: those that the providers list, SMS too. `rows`: of Notion.
    """

    findings: list[Finding] = field(default_factory=list)
    people: int = 0
    sent: int = 0
    reminders: int = 0
    mails: int = 0
    rows: int = 0

    def of(self, kind: Kind) -> list[Finding]:
        return [finding for finding in self.findings if finding.kind == kind]


def combine(reports: Sequence[Report]) -> Report:
    """Of several campaigns as of one. `mails`: each listed those of everybody, so the longest list counts."""
    return Report(
        findings=sorted({finding for report in reports for finding in report.findings}, key=attrgetter("place")),
        people=sum(report.people for report in reports),
        sent=sum(report.sent for report in reports),
        reminders=sum(report.reminders for report in reports),
        mails=max(report.mails for report in reports),
        rows=sum(report.rows for report in reports),
    )


async def audit(
    world: World, rows: SequenceRows, *, campaign: Campaign | None = None, say: Say = lambda _line: None
) -> Report:
    """
    Compare all three, of one campaign, by default the first one.

    1. Read the ledger, then the provider's list, then Notion: a mail that the first one knows must be in the others.
    2. Read again from the ledger each contact that did not agree: what was in flight is settled now, or is a finding.

    Raises a `Failure` when one of them cannot be read.
    """
    campaign = campaign or world.campaigns.home
    before = await _account(world, campaign)
    say(f"{len(before.people)} people and {len(before.reminders)} reminders read from the ledger")
    mails, texts = await _mails(world, before, say), await _texts(world, before, say)
    shown = [_shown(row, campaign.in_notion) async for row in rows.read()]
    say(f"{len(shown)} rows read from Notion")
    shown = await _without_erased(world, before, shown)
    subjects = {one.key: await subjects_of(world, one) for one in world.campaigns.values()}
    found = _compared(world, campaign, before, mails, shown, subjects, texts)
    if found:
        suspects = {finding.email for finding in found}
        again = await _account(world, campaign, only=suspects)
        theirs = [row for row in shown if row.email in suspects]
        found &= _compared(world, campaign, again, mails, theirs, subjects, texts)
    reminders = sum(reminder.sent_as is not None for reminder in before.reminders)
    steps = sum(record.sent_ms is not None for one in before.people for record in one.enrollment.records.values())
    return Report(
        findings=sorted(found, key=attrgetter("place")),
        people=len(before.people),
        sent=steps + reminders,
        reminders=reminders,
        mails=len({mail.id for some in mails.values() for mail in some}) + len(texts or ()),
        rows=len(shown),
    )


async def _without_erased(world: World, ledger: AuditSnapshot, rows: Sequence[Shown]) -> list[Shown]:
    """Of people who ended long ago only the id is known: what their rows show is not compared."""
    known = {one.email for one in ledger.people}
    unknown = {row.email for row in rows} - known
    ids = {email: await world.ledger.mailboxes.in_campaigns(email) for email in unknown if email}
    erased = await world.ledger.enrollments.erased([one for some in ids.values() for one in some])
    return [row for row in rows if erased.isdisjoint(ids.get(row.email, ()))]


async def _account(world: World, campaign: Campaign, *, only: Collection[str] | None = None) -> AuditSnapshot:
    """`only`: the people with these addresses."""
    ids = (
        None
        if only is None
        else [one for address in only for one in await world.ledger.mailboxes.in_campaigns(address)]
    )
    rules = reminder_rules(campaign, world.settings.pace)
    return await read_audit_snapshot(world.ledger, rules, campaign=campaign.key, now_ms=world.clock.now_ms(), only=ids)


def _compared(
    world: World,
    campaign: Campaign,
    ledger: AuditSnapshot,
    mails: dict[str, list[AcceptedMail]],
    shown: Sequence[Shown],
    subjects: Mapping[str, Subjects],
    texts: Sequence[AcceptedText] | None,
) -> set[Finding]:
    cadence = world.ledger.cadence_of(campaign.key)
    terms = Terms(now_ms=world.clock.now_ms(), cadence=cadence, is_waiting=ledger.is_waiting)
    # What another campaign's audit accounts for is not looked at here.
    theirs = _Elsewhere(ledger, subjects, campaign.key)
    here = {email: [mail for mail in some if not theirs.has(mail, email)] for email, some in mails.items()}
    ours, reminders, unread = subjects[campaign.key], ledger.reminders, ledger.unread
    return compare(ledger.people, here, shown, ours, terms, reminders=reminders, unread=unread, texts=texts)


async def _mails(world: World, ledger: AuditSnapshot, say: Say) -> dict[str, list[AcceptedMail]]:
    """By address, since the first signup, or since the first booking was reported."""
    since = [one.enrollment.anchor_ms for one in ledger.people]
    since += [reminder.booking.received_ms for reminder in ledger.reminders]
    since += [record.sent_ms for one in ledger.reminders if (record := one.record) and record.sent_ms is not None]
    if not since:
        return {}
    budget = PatientBudget(world.mail_budget)
    listed = await patiently(lambda: world.mailer.list_all_accepted(min(since) - CLOCKS_APART_MS, budget=budget))
    say(f"{len(listed)} mails read from Resend")
    return by_address(listed)


async def _texts(world: World, ledger: AuditSnapshot, say: Say) -> list[AcceptedText] | None:
    """Since the first SMS that was accepted; None: nobody can be asked."""
    sent = [one for one in ledger.reminders if one.channel is Channel.SMS and one.sent_as]
    since = [one.record.sent_ms for one in sent if one.record and one.record.sent_ms is not None]
    if not since:
        return []
    if world.texter is None or world.text_budget is None:
        say("Twilio was not asked: TWILIO_ACCOUNT_SID is unset; accepted SMS are taken as they are")
        return None
    texter, budget = world.texter, PatientBudget(world.text_budget)
    try:
        listed = await patiently(lambda: texter.list_accepted(min(since) - CLOCKS_APART_MS, budget=budget))
    except Permanent as refused:
        say(f"Twilio's list could not be read ({refused.code}); accepted SMS are taken as they are")
        return None
    say(f"{len(listed)} SMS read from Twilio")
    return listed


def _shown(row: SequenceRow, columns: CampaignColumns) -> Shown:
    names = {column: step for step, column in columns.steps.items()}
    return Shown(
        page_id=row.page_id,
        email=normal_address(str(row.values.get("Email") or "")),
        steps=frozenset(step for name, step in names.items() if row.values.get(name) is not None),
        columns=frozenset(step for name, step in names.items() if name in row.columns),
    )


class _Elsewhere:
    """The mails that belong to the same people in other campaigns."""

    def __init__(self, ledger: AuditSnapshot, subjects: Mapping[str, Subjects], campaign: str) -> None:
        self._sent_there, self._subjects = ledger.sent_elsewhere, subjects
        self._sent_here = ledger.sent_ids
        self._here = _by_address(one for one in ledger.people if one.enrollment.campaign == campaign)
        self._there = _by_address(one for one in ledger.elsewhere if one.enrollment.campaign in subjects)

    def has(self, mail: AcceptedMail, email: str) -> bool:
        """
        By its id; else by its subject. One that fits here too is theirs only while its answer is on its way there:
        nobody knows whose it is, and each of the audits says so.
        """
        if mail.id in self._sent_there or mail.id in self._sent_here:
            return mail.id in self._sent_there
        fitting = [(one, self._steps(mail, one)) for one in self._there.get(email, ())]
        is_awaited = any(not one.under_way.isdisjoint(steps) for one, steps in fitting)
        fits_here = any(self._steps(mail, one) for one in self._here.get(email, ()))
        return is_awaited or (not fits_here and any(steps for _, steps in fitting))

    def _steps(self, mail: AcceptedMail, one: Audited) -> list[Step]:
        return self._subjects[one.enrollment.campaign].steps_of(mail.subject, one.enrollment.assessment)


def _by_address(people: Iterable[Audited]) -> dict[str, list[Audited]]:
    found: dict[str, list[Audited]] = {}
    for one in people:
        found.setdefault(one.email, []).append(one)
    return found
