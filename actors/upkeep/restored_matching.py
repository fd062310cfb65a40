"""Matches the provider's mails with the deliveries that a restored store may have sent since its backup."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from actors.sending.find_accepted import CLOCKS_APART_MS
from actors.sending.mail_matching import Subjects, subjects_of
from actors.upkeep.rebuild import WENT_ON
from common.domain.audit import APART_MS
from common.domain.audit_bookings import AuditedReminder
from common.domain.delivery import Record
from common.domain.enrollment import Enrollment
from common.domain.ids import DeliveryId, Step, step_delivery_id
from common.domain.mail import AcceptedMail
from common.domain.notion_import import AS_NOTION_SHOWS
from common.normalization.phone import mobile_number
from common.world import World


@dataclass(slots=True)
class Risk:
    """A delivery that was open in the backup, so the lost store may have sent it."""

    id: DeliveryId
    campaign: str
    due_ms: int
    step: Step | None = None
    found: AcceptedMail | None = None
    reason: str = ""
    is_unknown: bool = False
    is_sms: bool = False


@dataclass(slots=True)
class Person:
    """
    What one address may have received since the backup. `reminders`: by campaign.

    `risks`: open deliveries that are due by now. `early`: open deliveries that are not due yet; they were sent only if
    an operator sent them early. `known_ids`: the provider's ids of messages that the backup knows as accepted.
    """

    enrollments: list[Enrollment] = field(default_factory=list)
    reminders: dict[str, list[AuditedReminder]] = field(default_factory=dict)
    risks: dict[DeliveryId, Risk] = field(default_factory=dict)
    early: dict[DeliveryId, Risk] = field(default_factory=dict)
    known_ids: set[str] = field(default_factory=set)

    @property
    def numbers(self) -> set[str]:
        """The phone numbers, in E.164, to which SMS about their calls may be sent."""
        of_calls = {one.booking.sms_number for some in self.reminders.values() for one in some}
        given = {number for one in self.enrollments for number in one.assessment.numbers}
        return {number for one in of_calls | given if one and (number := mobile_number(one))}

    def add(self, risk: Risk, now_ms: int) -> None:
        (self.risks if risk.due_ms <= now_ms else self.early)[risk.id] = risk

    def risk_of(self, id: DeliveryId) -> Risk | None:
        """Return the risk of this delivery. An early one turned out to be sent, so it moves to `risks`."""
        if id in self.early:
            self.risks[id] = self.early.pop(id)
        return self.risks.get(id)

    def find(self, risk: Risk, mail: AcceptedMail) -> None:
        if risk.found is None:
            risk.found, risk.is_unknown = mail, False

    def mark_unknown(self, until_ms: int, *, among: Collection[DeliveryId] | None = None) -> None:
        """Mark all risks due until then as unknown: any of them may have been sent. `among`: mark only these."""
        for risk in self.risks.values():
            if risk.found is None and risk.due_ms <= until_ms and (among is None or risk.id in among):
                risk.is_unknown = True

    def close_gaps(self) -> None:
        """Give a reason to unsent steps before a sent one: the lost store skipped them, or they failed there."""
        for enrollment in self.enrollments:
            steps = [risk for risk in self.risks.values() if risk.step and risk.id.startswith(f"{enrollment.id}/")]
            last_ms = max((risk.due_ms for risk in steps if risk.found), default=0)
            for risk in steps:
                if risk.found is None and risk.due_ms < last_ms and not risk.is_unknown:
                    risk.reason = WENT_ON


async def match_mails(world: World, people: dict[str, Person], mails: dict[str, list[AcceptedMail]] | None) -> None:
    """
    Decide about the risks of all people, by address, from the listed mails. Without a list (None), their outcomes are
    unknown.
    """
    subjects = {campaign.key: await subjects_of(world, campaign) for campaign in world.campaigns.values()}
    for number, (address, person) in enumerate(people.items()):
        if number % 50 == 0:
            await asyncio.sleep(0)  # noqa: TID251 -- heartbeats must go on in between
        if mails is None:
            for risk in person.risks.values():
                risk.is_unknown = True
            continue
        for mail in mails.get(address, ()):
            if mail.id not in person.known_ids:
                _match_mail(person, mail, subjects)
        person.close_gaps()


def _match_mail(person: Person, mail: AcceptedMail, subjects: dict[str, Subjects]) -> None:
    """
    Match a mail to one step or reminder.

    If it fits several, their outcomes become unknown; if it is ours and fits none, those of everything due by then. A
    delivery that is known under another id of the provider does not fit.
    """
    fitting = dict([*_steps_with(person, mail, subjects), *_reminders_with(person, mail, subjects)])
    possible = [id for id, record in fitting.items() if not _has_own_id(record)]
    until_ms = mail.created_ms + CLOCKS_APART_MS
    if any(_is_shown(fitting[id], mail) for id in possible):
        return  # Notion shows it, without the provider's id.
    if len(possible) == 1:
        if risk := person.risk_of(possible[0]):
            person.find(risk, mail)
    elif possible:
        person.mark_unknown(until_ms, among=possible)
    elif not fitting and any(one.is_ours(mail) for one in subjects.values()):
        person.mark_unknown(until_ms)


def _steps_with(
    person: Person, mail: AcceptedMail, subjects: dict[str, Subjects]
) -> Iterator[tuple[DeliveryId, Record | None]]:
    for one in person.enrollments:
        for step in subjects[one.campaign].steps_of(mail.subject, one.assessment):
            yield step_delivery_id(one.id, step), one.records.get(step)


def _reminders_with(
    person: Person, mail: AcceptedMail, subjects: dict[str, Subjects]
) -> Iterator[tuple[DeliveryId, Record | None]]:
    for campaign, reminders in person.reminders.items():
        for reminder in subjects[campaign].reminders_of(mail, reminders):
            yield reminder.id, reminder.record


def _has_own_id(record: Record | None) -> bool:
    return record is not None and record.sent_ms is not None and record.detail != AS_NOTION_SHOWS


def _is_shown(record: Record | None, mail: AcceptedMail) -> bool:
    is_out = record is not None and record.sent_ms is not None
    return is_out and abs(mail.created_ms - (record.sent_ms or 0)) < APART_MS  # type: ignore[union-attr]
