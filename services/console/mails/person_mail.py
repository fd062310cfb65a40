"""
The mails and SMS of one person as the console shows them: name, subject, and the text as it was or would be sent.

If the provider's copy of a sent mail is not available, the mail is rendered again from the version of the campaign that
rendered it. Its values may have changed since, through a later signup or changed sender settings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from common.campaigns.campaign import Campaign, stored_campaign
from common.campaigns.errors import CampaignError
from common.campaigns.messages import Rendered
from common.clock import utc_datetime
from common.domain.delivery import Delivery
from common.domain.enrollment import Enrollment
from common.ledger.bookings import zones_of
from common.ledger.reads.contact_timeline import ContactTimeline
from common.ledger.reads.person_mails import PersonMail
from common.readers import Reader, reader_of
from common.shown_mails import UNSUBSCRIBE_URL, render_shown, subject_shown
from services.console.context import ConsoleContext

NO_SUCH_MAIL = "The campaign's version in force no longer has this mail."
NOT_RUNNING = "The campaign does not run here."


@dataclass(frozen=True, slots=True)
class ShownMail:
    """`title`: the team's name for the mail. `subject`: "" if it cannot be rendered; for an SMS, its text."""

    title: str
    subject: str


class NotShown(Exception):
    """The mail cannot be rendered; the text says why."""


async def shown_mails(context: ConsoleContext, person: ContactTimeline) -> dict[str, ShownMail]:
    """Return all mails and SMS of a person by name. Each version of a campaign is read once."""
    campaigns: dict[tuple[str, str | None], Campaign | None] = {}
    signups, shown = await _signups(context, person), {}
    for mail in (*person.mails, *person.call_mails):
        key = (mail.campaign, mail.version)
        if key not in campaigns:
            campaigns[key] = await campaign_of(context, *key)
        subject = _subject(context, campaigns[key], person, mail, signups)
        shown[mail.name] = ShownMail(title_of(campaigns[key], mail.delivery), subject)
    return shown


async def campaign_of(context: ConsoleContext, key: str, version: str | None) -> Campaign | None:
    """
    Return the campaign in the given version.

    If `version` is None or is not stored, return the version in force; None if the campaign does not run here.
    """
    running = context.running_campaign(key)
    if version is None or (running is not None and running.version == version):
        return running
    text = await context.ledger.versions.text(key, version)
    try:
        return stored_campaign(text, version) if text else running
    except CampaignError:
        return running


def person_time(context: ConsoleContext, person: ContactTimeline, at_ms: int) -> datetime:
    """Return a time in the person's time zone: from the signup, else from a call, else the campaign's."""
    campaign, time = context.running_campaign(person.campaign), utc_datetime(at_ms)
    signup = person.enrollment.assessment.timezone if person.enrollment else None
    return time.astimezone(campaign.zone_of(signup, *zones_of(person.calls))) if campaign else time


def title_of(campaign: Campaign | None, delivery: Delivery) -> str:
    """Return the team's name for a mail."""
    named = {one.id: one.name for one in campaign.steps} if campaign else {}
    label = delivery.label
    return named.get(delivery.name) or (label if delivery.step is not None else label[:1].upper() + label[1:])


async def render(
    context: ConsoleContext, person: ContactTimeline, mail: PersonMail, *, version: str | None
) -> Rendered:
    """
    Render a mail from a version of its campaign; None: as it would be sent now.

    Raises NotShown if it cannot be rendered.
    """
    campaign = await campaign_of(context, mail.campaign, version)
    if campaign is None:
        raise NotShown(NOT_RUNNING)
    reader = _reader(campaign, person, mail, await _signups(context, person))
    at_ms = mail.at_ms if version or mail.is_to_come else context.clock.now_ms()
    try:
        return render_shown(
            context.settings, campaign, mail.delivery, reader, unsubscribe_url=UNSUBSCRIBE_URL, at_ms=at_ms
        )
    except CampaignError as error:
        raise NotShown(str(error)) from None
    except (IndexError, KeyError):
        raise NotShown(NO_SUCH_MAIL) from None


def _subject(
    context: ConsoleContext,
    campaign: Campaign | None,
    person: ContactTimeline,
    mail: PersonMail,
    signups: Sequence[Enrollment],
) -> str:
    if campaign is None:
        return ""
    reader = _reader(campaign, person, mail, signups)
    try:
        return subject_shown(context.settings, campaign, mail.delivery, reader, at_ms=mail.at_ms)
    except (CampaignError, IndexError, KeyError):
        return ""


async def _signups(context: ConsoleContext, person: ContactTimeline) -> Sequence[Enrollment]:
    """Return the person's enrollments in all campaigns, as a worker reads them for a message about a call."""
    if not person.call_mails:
        return []
    contact = person.enrollment.contact_id if person.enrollment else person.enrollment_id
    return [one async for one in context.ledger.enrollments.of_guest(contact, person.email)]


def _reader(campaign: Campaign, person: ContactTimeline, mail: PersonMail, signups: Sequence[Enrollment]) -> Reader:
    """
    Return the reader for which a mail is rendered.

    `signups`: the person's enrollments in all campaigns, needed for messages about calls.
    """
    if mail.delivery.step is not None:
        assert person.enrollment is not None, "who never signed up has no steps"
        return reader_of(campaign, person.enrollment, call_zones=zones_of(person.calls))
    booking = next(call.booking for call in person.calls if call.booking.id == mail.delivery.owner)
    return reader_of(campaign, booking, signups)
