"""Whose mail it is that the provider lists: by address and subject, since the list knows neither tags nor keys."""

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
from common.versions.played import earlier_versions
from common.world import World

DUE_ALIKE_MS = 3_600_000

_ANY_URL = "https://cal.com"
"""For subjects that differ with a link and without; which one it is they do not say."""


class Subjects:
    """
    Which step, in any segment and language that the person may have had, or which reminder a subject belongs to.

    `versions`: of one campaign, the one in force first.
    """

    def __init__(self, versions: Sequence[Campaign], settings: Settings) -> None:
        self._settings = settings
        self._versions = [(campaign, campaign.identity(settings.identity)) for campaign in versions]
        self._senders = {_address(identity.sender) for _, identity in self._versions}
        self._last: tuple[Assessment, dict[str, list[Step]]] | None = None

    def steps_of(self, subject: str, person: Assessment) -> list[Step]:
        """
        All steps with this subject in any version; none, when it was rendered of other answers, or is not ours.

        Of several it may be each: a subject may have moved from one step to another.
        """
        if self._last is None or self._last[0] is not person:
            self._last = (person, self._all(person))  # Callers go from contact to contact.
        return self._last[1].get(subject, [])

    def reminder_of(self, mail: AcceptedMail, reminders: Sequence[AuditedReminder]) -> AuditedReminder | None:
        """The first of `reminders_of`."""
        return next(iter(self.reminders_of(mail, reminders)), None)

    def reminders_of(self, mail: AcceptedMail, reminders: Sequence[AuditedReminder]) -> list[AuditedReminder]:
        """Of those with this subject the one that was due nearest, and others that were due within an hour of it."""
        alike = [one for one in reminders if mail.subject in self._subjects_of(one)]
        nearest_first = sorted(alike, key=lambda one: abs(one.due_ms - mail.created_ms))
        return [one for one in nearest_first if abs(one.due_ms - nearest_first[0].due_ms) < DUE_ALIKE_MS]

    def _subjects_of(self, one: AuditedReminder) -> set[str]:
        """Whatever it may have said when it was sent: zone, locale and link may have changed since."""
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
                continue  # This version has it not, or would leave a blank.
        return found

    def is_ours(self, mail: AcceptedMail) -> bool:
        """From our own sender; another program may use the same account."""
        return not mail.sender or _address(mail.sender) in self._senders

    def _all(self, person: Assessment) -> dict[str, list[Step]]:
        found: dict[str, list[Step]] = {}
        for campaign, identity in self._versions:
            for step in campaign.step_ids:
                for subject in set(_subjects_of(campaign, identity, step, person)):
                    steps = found.setdefault(subject, [])
                    if step not in steps:
                        steps.append(step)
        return found


async def subjects_of(world: World, campaign: Campaign) -> Subjects:
    """Of every version that was ever in force: a mail may be older than what is played now."""
    return Subjects([campaign, *await earlier_versions(campaign, world.ledger)], world.settings)


def _subjects_of(campaign: Campaign, identity: Identity, step: Step, person: Assessment) -> Iterator[str]:
    for language in campaign.languages:
        for segment in campaign.segments:
            try:
                yield campaign.messages.subject(step, person, segment=segment, identity=identity, language=language)
            except CampaignError:
                continue  # Of these answers none can have been rendered.


def by_address(mails: Iterable[AcceptedMail]) -> dict[str, list[AcceptedMail]]:
    """The oldest first."""
    found: dict[str, list[AcceptedMail]] = {}
    for mail in sorted(mails, key=lambda mail: mail.created_ms):
        for address in mail.to:
            found.setdefault(address, []).append(mail)
    return found


def _address(sender: str) -> str:
    return normal_address(parseaddr(sender)[1])
