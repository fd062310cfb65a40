"""Match the mails on the provider's list to deliveries by address and subject: the list has neither tags nor keys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from email.utils import parseaddr
from itertools import product

from common.campaigns.facts import Identity
from common.campaigns.loader import Campaign, CampaignError
from common.domain.audit_bookings import AuditedReminder
from common.domain.contact import Assessment
from common.domain.ids import Step, normal_address
from common.domain.mail import AcceptedMail
from common.meetings import meeting_of
from common.settings.settings import Settings
from common.versions.played import other_versions
from common.world import World

DUE_ALIKE_MS = 3_600_000

_ANY_URL = "https://cal.com"
"""Stands for any link: a subject may depend on whether there is a link, but does not contain it."""


class Subjects:
    """
    Finds the step or reminder of a subject, in any segment and language that the contact may have had.

    `versions`: those of one campaign, the one in force first.
    """

    def __init__(self, versions: Sequence[Campaign], settings: Settings) -> None:
        self._settings = settings
        self._versions = [(campaign, campaign.identity(settings.identity)) for campaign in versions]
        self._senders = {_address(identity.sender) for _, identity in self._versions}
        self._last: tuple[Assessment, dict[str, list[Step]]] | None = None

    def steps_of(self, subject: str, person: Assessment) -> list[Step]:
        """
        Return all steps with this subject in any version; none if it was rendered from other answers or is not ours.

        If there are several, the mail may be any of them: a subject may have moved from one step to another.
        """
        if self._last is None or self._last[0] is not person:
            self._last = (person, self._all(person))  # Callers go from contact to contact.
        return self._last[1].get(subject, [])

    def reminder_of(self, mail: AcceptedMail, reminders: Sequence[AuditedReminder]) -> AuditedReminder | None:
        """Return the first of `reminders_of`, or None."""
        return next(iter(self.reminders_of(mail, reminders)), None)

    def reminders_of(self, mail: AcceptedMail, reminders: Sequence[AuditedReminder]) -> list[AuditedReminder]:
        """Return, of those with this subject, the one due nearest to the mail and those due within an hour of it."""
        alike = [one for one in reminders if mail.subject in self._subjects_of_reminder(one)]
        nearest_first = sorted(alike, key=lambda one: abs(one.due_ms - mail.created_ms))
        return [one for one in nearest_first if abs(one.due_ms - nearest_first[0].due_ms) < DUE_ALIKE_MS]

    def _subjects_of_reminder(self, one: AuditedReminder) -> set[str]:
        """Return every subject it may have had when it was sent: zone, locale and link may have changed since."""
        now = meeting_of(self._settings, one.booking, one.start_ms, one.signup)
        zones = {now.timezone, one.signup.timezone if one.signup else None, None}
        places = {(_ANY_URL, None), (None, None), (None, now.place)}
        meetings = [
            replace(now, timezone=zone, locale=locale, join_url=url, place=place)
            for zone, locale, (url, place) in product(zones, {now.locale, None}, places)
        ]
        found: set[str] = set()
        for campaign, identity in self._versions:
            try:
                found |= {
                    campaign.messages.call_mail_subject(one.name, meeting, identity, language)
                    for meeting in meetings
                    for language in campaign.languages
                }
            except (CampaignError, KeyError):
                continue  # This version lacks the reminder, or would leave a blank.
        return found

    def is_ours(self, mail: AcceptedMail) -> bool:
        """Return whether its sender is ours or is not listed; another program may use the same account."""
        return not mail.sender or _address(mail.sender) in self._senders

    def _all(self, person: Assessment) -> dict[str, list[Step]]:
        found: dict[str, list[Step]] = {}
        for campaign, identity in self._versions:
            for step in campaign.step_ids:
                for subject in set(_subjects_of_step(campaign, identity, step, person)):
                    steps = found.setdefault(subject, [])
                    if step not in steps:
                        steps.append(step)
        return found


async def subjects_of(world: World, campaign: Campaign) -> Subjects:
    """Return the subjects of every version that was ever in force: a mail may be older than the present one."""
    return Subjects([campaign, *await other_versions(campaign, world.ledger)], world.settings)


def _subjects_of_step(campaign: Campaign, identity: Identity, step: Step, person: Assessment) -> Iterator[str]:
    for language in campaign.languages:
        for segment in campaign.segments:
            try:
                yield campaign.messages.subject(step, person, segment=segment, identity=identity, language=language)
            except CampaignError:
                continue  # This mail cannot have been rendered from these answers.


def by_address(mails: Iterable[AcceptedMail]) -> dict[str, list[AcceptedMail]]:
    """Return the mails by recipient address, the oldest first."""
    found: dict[str, list[AcceptedMail]] = {}
    for mail in sorted(mails, key=lambda mail: mail.created_ms):
        for address in mail.to:
            found.setdefault(address, []).append(mail)
    return found


def _address(sender: str) -> str:
    return normal_address(parseaddr(sender)[1])
