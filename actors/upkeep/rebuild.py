"""Fill an empty store from Notion: contacts and what they were sent. The provider's list adds what Notion lacks."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial

from actors.sending.find_accepted import CLOCKS_APART_MS
from actors.sending.mail_matching import Subjects, by_address, subjects_of
from actors.upkeep.suppression_sync import read_when_due
from common.campaigns.campaign import Campaign
from common.domain.audit import APART_MS
from common.domain.cadence import Cadence
from common.domain.enrollment import ExitReason
from common.domain.ids import Step
from common.domain.mail import AcceptedMail
from common.domain.notion_import import Restored, Unreadable, by_person, read_row
from common.errors import Failure
from common.ledger.enrollments import Restoration
from common.providers.notion.rows import SequenceRows
from common.providers.patience import PatientBudget, retry_patiently
from common.world import World

BATCH = 200
REPORT_EVERY = 1_000

WENT_ON = "no date in Notion, although the sequence went on: it failed or was skipped before the store was lost"

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class UnreadableRow:
    """A row without what a rebuild needs. `who`: its address or title. `reason`: what is wrong, and what to do."""

    page_id: str
    who: str
    reason: str


@dataclass(slots=True)
class Summary:
    """
    What a rebuild did, in contacts. `found`, `outcomes_unknown` and `dead` count mails.

    `found`: accepted by the provider, not yet in Notion. `outcomes_unknown`: sent again only under a key that the
    provider still remembers, otherwise searched for.
    """

    rows: int = 0
    restored: int = 0
    merged: int = 0
    known: int = 0
    forgotten: int = 0
    found: int = 0
    outcomes_unknown: int = 0
    dead: int = 0
    unreadable: list[UnreadableRow] = field(default_factory=list)
    unknown_exits: list[str] = field(default_factory=list)
    """Addresses of contacts who left for a reason that cannot be read: suppressed until a person decides."""
    notes: list[str] = field(default_factory=list)


def combine(summaries: Sequence[Summary]) -> Summary:
    """Combine the summaries of several campaigns into one."""
    total = Summary()
    for summary in summaries:
        for part in fields(summary):
            setattr(total, part.name, getattr(total, part.name) + getattr(summary, part.name))
    return total


def rows_of(world: World, campaign: Campaign) -> SequenceRows:
    """Return a reader of a campaign's rows in Notion; the caller opens and closes it."""
    return SequenceRows(
        world.settings,
        world.ledger.client,
        clock=world.clock,
        budget=world.mirror_budget,
        campaign_name=campaign.name,
        has_unnamed=campaign is world.campaigns.default,
        columns=campaign.notion_columns,
    )


async def rebuild(
    world: World, rows: SequenceRows, *, campaign: Campaign | None = None, say: Say = lambda _line: None
) -> Summary:
    """
    Restore every enrollment of one campaign, by default the first one, that is in Notion.

    It may be repeated, also while workers run: the ledger's state wins.

    1. Read all rows. If a contact has several, a step counts as sent when any of them shows it as sent.
    2. Read what the provider accepted since the first mail that should have been sent and has no date.
    3. Restore the contacts, each with one script.

    `say`: called with each line of progress. Raises a `Failure` when Notion cannot be read.
    """
    summary, campaign = Summary(), campaign or world.campaigns.default
    people = await _read(rows, campaign, summary, say)
    summary.unknown_exits = [person.assessment.email for person in people if person.exit_reason is ExitReason.UNKNOWN]
    await _read_suppressions(world, summary)
    now_ms = world.clock.now_ms()
    restorations = await _reconciled(world, campaign, people, summary, say, now_ms=now_ms)
    for first in range(0, len(restorations), BATCH):
        batch = restorations[first : first + BATCH]
        restore = partial(world.ledger.enrollments.restore, now_ms=now_ms, campaign=campaign.key)
        became = Counter(await asyncio.gather(*map(restore, batch)))
        summary.restored += became["restored"]
        summary.merged += became["merged"]
        summary.known += became["known"]
        summary.forgotten += became["forgotten"]
        if (first // BATCH) % (REPORT_EVERY // BATCH) == 0 and first:
            say(f"{first} contacts restored")
    return summary


async def _read(rows: SequenceRows, campaign: Campaign, summary: Summary, say: Say) -> list[Restored]:
    readable: list[Restored] = []
    async for row in rows.read():
        summary.rows += 1
        try:
            readable.append(_in_campaign(read_row(row, campaign.notion_columns), campaign))
        except Unreadable as problem:
            who = str(row.values.get("Email") or row.title or "a row without a name")
            summary.unreadable.append(UnreadableRow(row.page_id, who, str(problem)))
        if summary.rows % REPORT_EVERY == 0:
            say(f"{summary.rows} rows read from Notion")
    return by_person(readable)


async def _read_suppressions(world: World, summary: Summary) -> None:
    """Read the provider's list: contacts who left after their last mail, or never had a row, may be only there."""
    if world.suppression_list is None:
        return
    try:
        await retry_patiently(partial(read_when_due, world, world.suppression_list))
    except Failure as failure:
        summary.notes.append(
            f"Resend's suppression list could not be read ({failure.code}): only Notion tells who left;"
            " suppress others with `advent suppress`"
        )


def _in_campaign(person: Restored, campaign: Campaign) -> Restored:
    """
    Return the contact with a segment and language of this campaign, or with None for each.

    Notion's segment is used only if the campaign has no score: otherwise the segment follows from the assessment.
    """
    knows_segment = person.segment in campaign.segments and not campaign.notion_columns.has_assessment
    known = person.language if person.language in campaign.languages else None
    return replace(person, segment=person.segment if knows_segment else None, language=known)


async def _reconciled(
    world: World, campaign: Campaign, people: list[Restored], summary: Summary, say: Say, *, now_ms: int
) -> list[Restoration]:
    cadence = world.ledger.cadence_of(campaign.key)
    matches = [_Match(person, cadence, now_ms) for person in people]
    first_ms = min((due_ms for match in matches for due_ms in match.at_risk.values()), default=None)
    listed = await _listed(world, first_ms, summary, say) if first_ms is not None else []
    mails, subjects = by_address(listed or []), await subjects_of(world, campaign)
    elsewhere = [await subjects_of(world, one) for key, one in world.campaigns.items() if key != campaign.key]
    for number, match in enumerate(matches):
        if number % 50 == 0:
            await asyncio.sleep(0)  # noqa: TID251 -- in a worker, its mails must be sent in between
        if listed is None:
            match.set_all_unknown()
        for mail in mails.get(match.person.assessment.email, ()):
            match.take(mail, subjects, elsewhere)
    restorations = [match.restoration() for match in matches]
    summary.found = sum(match.found for match in matches)
    summary.outcomes_unknown = sum(len(match.unknowns) for match in matches)
    summary.dead = sum(len(restoration.dead) for restoration in restorations)
    return restorations


def _dues(cadence: Cadence, person: Restored) -> dict[Step, int]:
    """Return the due time of each step, in the steps' order."""
    return {step: cadence.due_ms(anchor_ms=person.anchor_ms, step=step) for step in cadence.steps}


async def _listed(world: World, first_ms: int, summary: Summary, say: Say) -> list[AcceptedMail] | None:
    """Return what the provider accepted since `first_ms`, or None when its list cannot be read."""
    say("asking Resend for what it accepted and Notion does not show")
    budget = PatientBudget(world.mail_budget)
    try:
        return await retry_patiently(lambda: world.mailer.list_all_accepted(first_ms - CLOCKS_APART_MS, budget=budget))
    except Failure as failure:
        cure = (
            "set RESEND_API_KEY to one with full access, and run `advent rebuild` again"
            if failure.status in (401, 403)
            else "run `advent rebuild` again when Resend answers"
        )
        summary.notes.append(
            f"Resend's list could not be read ({failure.code}): mails that are due and have no date in Notion are"
            f" repeated under their key for 23 hours, and after that searched for first; {cure}"
        )
        return None


class _Match:
    """
    One contact, and the mails that the provider lists for their address.

    `at_risk`: due times of the steps that should have been sent and have no date: they could be sent twice.
    """

    def __init__(self, person: Restored, cadence: Cadence, now_ms: int) -> None:
        self.person, self._dues, self._needs = person, _dues(cadence, person), cadence.needs
        self.at_risk = {
            step: due_ms
            for step, due_ms in self._dues.items()
            if person.exit_reason is None and step not in person.sent_ms and due_ms <= now_ms
        }
        self._sent, self._ids = dict(person.sent_ms), dict(person.ids)
        self.unknowns: dict[Step, int] = {}
        self.found = 0

    def set_all_unknown(self) -> None:
        self.unknowns = dict(self.at_risk)

    def take(self, mail: AcceptedMail, subjects: Subjects, elsewhere: Sequence[Subjects]) -> None:
        """
        Match a listed mail to a step.

        If it fits several steps, those of them that were due by then become unknown; if it is ours and fits none, all
        steps due by then do. `elsewhere`: the subjects of the other campaigns. A mail that fits only there is ignored.
        If it fits here too, its step becomes unknown, unless Notion shows that the step was sent then.
        """
        person = self.person.assessment
        steps = subjects.steps_of(mail.subject, person)
        fits_elsewhere = any(one.steps_of(mail.subject, person) for one in elsewhere)
        shown = [step for step in steps if abs(mail.created_ms - self.person.sent_ms.get(step, 0)) < APART_MS]
        if len(shown or steps) == 1 and (shown or not fits_elsewhere):
            self._is_step((shown or steps)[0], mail)
        elif steps or (subjects.is_ours(mail) and not fits_elsewhere):
            self._is_one_of(steps or [*self.at_risk], mail.created_ms + CLOCKS_APART_MS)

    def _is_one_of(self, steps: Sequence[Step], until_ms: int) -> None:
        for step in self.at_risk.keys() & set(steps) - self._sent.keys():
            if self.at_risk[step] <= until_ms:
                self.unknowns[step] = self.at_risk[step]

    def _is_step(self, step: Step, mail: AcceptedMail) -> None:
        self._ids.setdefault(step, mail.id)
        self.unknowns.pop(step, None)
        if step not in self._sent:
            self._sent[step] = mail.created_ms
            self.found += 1

    def restoration(self) -> Restoration:
        person = replace(
            self.person,
            sent_ms=self._sent,
            ids=self._ids,
            differs=self.person.differs or self._sent.keys() != self.person.sent_ms.keys(),
        )
        if person.exit_reason is not None:
            return Restoration(person=person)
        steps = [*self._dues]
        last = len(steps) if person.is_completed else max(map(steps.index, self._sent.keys() & self._dues), default=0)
        # A step that needs an unsent one is no gap: its claim skips it again.
        skipped = {step for step, needed in self._needs.items() if needed not in self._sent} - self.unknowns.keys()
        gaps = {step: self._reason(step) for step in steps[:last] if step not in {*self._sent, *skipped}}
        return Restoration(person=person, dead=gaps, unknown_since_ms=self.unknowns)

    def _reason(self, step: Step) -> str:
        return WENT_ON + ("; it may have been accepted nevertheless" if step in self.unknowns else "")
