"""A campaign: its steps and reminders, when they are due, and what they say to one person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from common.campaigns.body import Body, Values
from common.campaigns.errors import CampaignError
from common.campaigns.facts import Identity, Meeting, email_values, reminder_values
from common.campaigns.layout import Row, scoreboard
from common.campaigns.manifest import Span
from common.campaigns.rendering import Mail, Renderer
from common.campaigns.systems import SystemBook
from common.campaigns.wording import clean
from common.domain.cadence import Cadence, Pace
from common.domain.contact import Assessment
from common.domain.segment import Segment


@dataclass(frozen=True, slots=True)
class Rendered:
    """One mail's content. The same arguments and the same campaign version give the same bytes."""

    subject: str
    html: str
    text: str


@dataclass(frozen=True, slots=True)
class Step:
    """One of the nurture mails, `after` the anchor; `bodies` has one for each segment, perhaps the same."""

    number: int
    name: str
    after: Span
    bodies: Mapping[Segment, Body]


@dataclass(frozen=True, slots=True)
class Reminder:
    """A mail `before` a meeting; `name` is part of its delivery id."""

    name: str
    before: Span
    body: Body


@dataclass(frozen=True, slots=True)
class BookingPolicy:
    """What a booking does to the nurture mails, and the notice under which it gets no reminders."""

    nurture: Literal["continue", "pause", "stop"]
    cancellation_resumes: bool
    minimum_notice: Span


@dataclass(frozen=True, slots=True)
class Footers:
    """Why a person gets this mail, said in each."""

    emails: str
    reminders: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """`key`: the name of its folder. `version`: changes with any byte of its files."""

    key: str
    name: str
    version: str
    language: str
    steps: tuple[Step, ...]
    minimum_gap: Span
    reminders: tuple[Reminder, ...]
    booking: BookingPolicy
    footers: Footers
    systems: SystemBook
    renderer: Renderer

    def cadence(self, pace: Pace) -> Cadence:
        """When the steps are due at this pace. Raises CampaignError when it is too fast to keep their order."""
        offsets = tuple(step.after.at(pace) for step in self.steps)
        try:
            return Cadence(offsets, self.minimum_gap.at(pace))
        except ValueError:
            raise CampaignError(f"CAMPAIGN_SPEED={pace.speed:g}: steps fall on one instant; set it lower") from None

    def render(
        self, step: int, person: Assessment, *, segment: Segment, identity: Identity, unsubscribe_url: str
    ) -> Rendered:
        """
        The mail of step `step` (1-based).

        Raises IndexError for a step there is not, CampaignError when a field would be blank.
        """
        if not 1 <= step <= len(self.steps):
            raise IndexError(f"step {step} of {len(self.steps)}")
        body = self.steps[step - 1].bodies[segment]
        values = email_values(person, self.systems, identity)
        rows = scoreboard(
            {
                "red": person.red_systems,
                "orange": person.orange_systems,
                "yellow": person.yellow_systems,
                "green": person.green_systems,
            }
        )
        series = f"{self.name} · Letter {step} of {len(self.steps)}"
        return self._rendered(body, values, rows, self.footers.emails, series, identity, unsubscribe_url)

    def subject(self, step: int, person: Assessment, *, segment: Segment, identity: Identity) -> str:
        """The subject of step `step` (1-based), without the rest of the mail. Raises as `render`."""
        if not 1 <= step <= len(self.steps):
            raise IndexError(f"step {step} of {len(self.steps)}")
        return self.steps[step - 1].bodies[segment].subject_for(email_values(person, self.systems, identity))

    def render_reminder(self, name: str, meeting: Meeting, identity: Identity, unsubscribe_url: str) -> Rendered:
        """The reminder called `name`. Raises KeyError for an unknown one, CampaignError when a field would be blank."""
        body = {reminder.name: reminder.body for reminder in self.reminders}[name]
        values = reminder_values(meeting, identity)
        return self._rendered(body, values, [], self.footers.reminders, "Your call", identity, unsubscribe_url)

    def reminder_subject(self, name: str, meeting: Meeting, identity: Identity) -> str:
        """The subject of the reminder called `name`, without the rest of the mail. Raises as `render_reminder`."""
        body = {reminder.name: reminder.body for reminder in self.reminders}[name]
        return body.subject_for(reminder_values(meeting, identity))

    def _rendered(
        self,
        body: Body,
        values: Values,
        rows: list[Row],
        reason: str,
        series: str,
        identity: Identity,
        unsubscribe_url: str,
    ) -> Rendered:
        identification = _identification(identity, unsubscribe_url)
        subject = body.subject_for(values)
        frame = {
            "subject": subject,
            "preheader": body.preheader_for(values),
            "language": self.language,
            "series": series,
            "reason": reason,
            **identification,
        }
        parts = self.renderer.parts(Mail(body, values, rows, frame))
        return Rendered(subject, parts.html, parts.text)


def _identification(identity: Identity, unsubscribe_url: str) -> dict[str, str]:
    """Who writes and how to leave. The law asks for each of these in every mail, so a blank one stops it."""
    fields = {
        "EMAIL_FROM": ("sender_name", identity.sender_name),
        "EMAIL_REPLY_TO": ("contact_address", identity.contact_address),
        "EMAIL_POSTAL_ADDRESS": ("postal_address", ", ".join(identity.postal_address.splitlines())),
        "PUBLIC_URL": ("unsubscribe_url", unsubscribe_url),
    }
    for setting, (_, value) in fields.items():
        if not clean(value):
            raise CampaignError(f"{setting}: empty; every mail must show it")
    return {name: clean(value) for name, value in fields.values()}
