"""Read the ledger, the providers' lists and Notion one after the other and compare them. Findings are checked twice."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

from actors.sending.find_accepted import CLOCKS_APART_MS
from actors.sending.mail_matching import Subjects, by_address, subjects_of
from actors.sending.render import reminder_rules
from common.campaigns.campaign import Campaign
from common.domain.audit import Audited, Finding, Kind, NotionRow, Terms, compare
from common.domain.delivery import Channel
from common.domain.ids import Step, normal_address
from common.domain.mail import AcceptedMail
from common.domain.notion_import import SequenceRow
from common.domain.projection import CampaignColumns
from common.domain.sms import AcceptedSms
from common.errors import Permanent
from common.ledger.reads.audit_snapshot import AuditSnapshot, read_audit_snapshot
from common.providers.notion.rows import SequenceRows
from common.providers.patience import PatientBudget, retry_patiently
from common.world import World

Say = Callable[[str], None]


@dataclass(slots=True)
class Report:
    """
    What does not agree, and how much was compared.

    `people`: enrolled contacts. `sent`: mails that the provider accepted according to the ledger; `reminders`: how many
    of them are reminders. `mails`: the messages that the providers list, including SMS. `rows`: the rows in Notion.
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
    """Combine the reports of several campaigns. `mails`: each report lists those of all, so the longest list counts."""
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
    Compare the ledger, the providers' lists and Notion for one campaign, by default the first one.

    1. Read them in this order: a mail that the ledger knows must then be in the others.
    2. Read each contact that did not agree from the ledger again: what was in flight is settled now, or is a finding.

    `say`: called with each line of progress. Raises a `Failure` when one of them cannot be read.
    """
    campaign = campaign or world.campaigns.default
    before = await _read_ledger(world, campaign)
    say(f"{len(before.people)} people and {len(before.reminders)} reminders read from the ledger")
    mails, texts = await _mails(world, before, say), await _texts(world, before, say)
    shown = [_notion_row(row, campaign.notion_columns) async for row in rows.read()]
    say(f"{len(shown)} rows read from Notion")
    shown = await _without_erased(world, before, shown)
    subjects = {one.key: await subjects_of(world, one) for one in world.campaigns.values()}
    found = _compared(world, campaign, before, mails, shown, subjects, texts)
    if found:
        suspects = {finding.email for finding in found}
        again = await _read_ledger(world, campaign, only=suspects)
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


async def _without_erased(world: World, ledger: AuditSnapshot, rows: Sequence[NotionRow]) -> list[NotionRow]:
    """Return the rows without those of erased contacts: only their ids are known, so there is nothing to compare."""
    known = {one.email for one in ledger.people}
    unknown = {row.email for row in rows} - known
    ids = {email: await world.ledger.mailboxes.in_campaigns(email) for email in unknown if email}
    erased = await world.ledger.enrollments.find_erased([one for some in ids.values() for one in some])
    return [row for row in rows if erased.isdisjoint(ids.get(row.email, ()))]


async def _read_ledger(world: World, campaign: Campaign, *, only: Collection[str] | None = None) -> AuditSnapshot:
    """Read the ledger. `only`: just the contacts with these addresses."""
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
    shown: Sequence[NotionRow],
    subjects: Mapping[str, Subjects],
    texts: Sequence[AcceptedSms] | None,
) -> set[Finding]:
    cadence = world.ledger.cadence_of(campaign.key)
    terms = Terms(now_ms=world.clock.now_ms(), cadence=cadence, is_waiting=ledger.is_waiting)
    # Mails that the audit of another campaign accounts for are left out here.
    theirs = _OtherCampaigns(ledger, subjects, campaign.key)
    here = {email: [mail for mail in some if not theirs.has(mail, email)] for email, some in mails.items()}
    ours, reminders, unread = subjects[campaign.key], ledger.reminders, ledger.unread
    return compare(ledger.people, here, shown, ours, terms, reminders=reminders, unread=unread, texts=texts)


async def _mails(world: World, ledger: AuditSnapshot, say: Say) -> dict[str, list[AcceptedMail]]:
    """Return the listed mails by address, since the first signup or the first reported booking."""
    since = [one.enrollment.anchor_ms for one in ledger.people]
    since += [reminder.booking.received_ms for reminder in ledger.reminders]
    since += [record.sent_ms for one in ledger.reminders if (record := one.record) and record.sent_ms is not None]
    if not since:
        return {}
    budget = PatientBudget(world.mail_budget)
    listed = await retry_patiently(lambda: world.mailer.list_all_accepted(min(since) - CLOCKS_APART_MS, budget=budget))
    say(f"{len(listed)} mails read from Resend")
    return by_address(listed)


async def _texts(world: World, ledger: AuditSnapshot, say: Say) -> list[AcceptedSms] | None:
    """Return the SMS listed since the first accepted one; None: the list cannot be read."""
    sent = [one for one in ledger.reminders if one.channel is Channel.SMS and one.sent_as]
    since = [one.record.sent_ms for one in sent if one.record and one.record.sent_ms is not None]
    if not since:
        return []
    if world.texter is None or world.text_budget is None:
        say("Twilio's list was not read: TWILIO_ACCOUNT_SID is unset; accepted SMS are not checked")
        return None
    texter, budget = world.texter, PatientBudget(world.text_budget)
    try:
        listed = await retry_patiently(lambda: texter.list_accepted(min(since) - CLOCKS_APART_MS, budget=budget))
    except Permanent as refused:
        say(f"Twilio's list could not be read ({refused.code}); accepted SMS are not checked")
        return None
    say(f"{len(listed)} SMS read from Twilio")
    return listed


def _notion_row(row: SequenceRow, columns: CampaignColumns) -> NotionRow:
    names = {column: step for step, column in columns.steps.items()}
    return NotionRow(
        page_id=row.page_id,
        email=normal_address(str(row.values.get("Email") or "")),
        steps=frozenset(step for name, step in names.items() if row.values.get(name) is not None),
        columns=frozenset(step for name, step in names.items() if name in row.columns),
    )


class _OtherCampaigns:
    """Knows which mails to the same contacts belong to other campaigns."""

    def __init__(self, ledger: AuditSnapshot, subjects: Mapping[str, Subjects], campaign: str) -> None:
        self._sent_there, self._subjects = ledger.sent_elsewhere, subjects
        self._sent_here = ledger.sent_ids
        self._here = _by_address(one for one in ledger.people if one.enrollment.campaign == campaign)
        self._there = _by_address(one for one in ledger.elsewhere if one.enrollment.campaign in subjects)

    def has(self, mail: AcceptedMail, email: str) -> bool:
        """
        Return whether the mail belongs to another campaign: by its id if the ledger knows it, otherwise by its subject.

        A subject that this campaign has too counts for the other campaign only while a delivery there awaits the
        provider's answer. Otherwise nobody can tell which campaign sent the mail, and the audit of each reports it.
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
