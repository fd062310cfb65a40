"""Whose mail it is that the provider lists: by address and subject, since the list knows neither tags nor keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from email.utils import parseaddr

from actors.sending.render import meeting_of
from common.campaigns.loader import Campaign, CampaignError
from common.domain.audit_bookings import AuditedReminder
from common.domain.contact import Assessment
from common.domain.ids import normal_address
from common.domain.mail import AcceptedMail
from common.settings.settings import Settings

_ANY_URL = "https://cal.com"
"""For subjects that differ with a link and without; which one it is they do not say."""


class Subjects:
    """Which step, in any segment and language that the person may have had, or which reminder a subject belongs to."""

    def __init__(self, campaign: Campaign, settings: Settings) -> None:
        self._campaign, self._settings = campaign, settings
        self._identity = campaign.identity(settings.identity)
        self._sender = _address(self._identity.sender)
        self._last: tuple[Assessment, dict[str, list[int]]] | None = None
        self._variants = [(segment, language) for language in campaign.languages for segment in campaign.segments]

    def steps_of(self, subject: str, person: Assessment) -> list[int]:
        """All steps with this subject; none, when it was rendered of other answers, or is not ours."""
        if self._last is None or self._last[0] is not person:
            self._last = (person, self._all(person))  # Callers go from contact to contact.
        return self._last[1].get(subject, [])

    def reminder_of(self, mail: AcceptedMail, reminders: Sequence[AuditedReminder]) -> AuditedReminder | None:
        """Of those with this subject the one that was due nearest: two calls may begin at one hour."""
        alike = [one for one in reminders if mail.subject in self._subjects_of(one)]
        return min(alike, key=lambda one: abs(one.due_ms - mail.created_ms), default=None)

    def _subjects_of(self, one: AuditedReminder) -> set[str]:
        """Whatever it may have said when it was sent: zone and link are those of that time, and may have changed."""
        now = meeting_of(self._settings, one.booking, one.start_ms, one.signup)
        zones = {now.timezone, one.signup.timezone if one.signup else None, None}
        meetings = [replace(now, timezone=zone, join_url=url) for zone in zones for url in (_ANY_URL, None)]
        try:
            return {
                self._campaign.reminder_subject(one.name, meeting, self._identity, language)
                for meeting in meetings
                for language in self._campaign.languages
            }
        except (CampaignError, KeyError):
            return set()  # The campaign has it no longer, or would leave a blank.

    def is_ours(self, mail: AcceptedMail) -> bool:
        """From our own sender; another program may use the same account."""
        return not mail.sender or _address(mail.sender) == self._sender

    def _all(self, person: Assessment) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for step in self._campaign.numbers:
            for subject in {self._subject(step, person, *variant) for variant in self._variants} - {None}:
                found.setdefault(str(subject), []).append(step)
        return found

    def _subject(self, step: int, person: Assessment, segment: str, language: str) -> str | None:
        try:
            return self._campaign.subject(step, person, segment=segment, identity=self._identity, language=language)
        except CampaignError:
            return None  # Of these answers none can have been rendered.


def by_address(mails: Iterable[AcceptedMail]) -> dict[str, list[AcceptedMail]]:
    """The oldest first."""
    found: dict[str, list[AcceptedMail]] = {}
    for mail in sorted(mails, key=lambda mail: mail.created_ms):
        for address in mail.to:
            found.setdefault(address, []).append(mail)
    return found


def step_at(due: Mapping[int, int], created_ms: int, *, apart_ms: int) -> int | None:
    """The step that was the newest one due when a mail was accepted; `due`: of each step, in their order."""
    steps = [number for number, due_ms in due.items() if due_ms - apart_ms <= created_ms]
    return steps[-1] if steps else None


def _address(sender: str) -> str:
    return normal_address(parseaddr(sender)[1])
