"""
A mail or SMS of one person to be looked at, or tested: rendered as a worker renders it, but for its links.

The real link would end the person's mail, and would show the person's calls to whoever gets a test.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from common.campaigns.campaign import Campaign
from common.campaigns.facts import Identity, Meeting
from common.campaigns.messages import Rendered
from common.campaigns.samples import CALENDAR_URL
from common.clock import utc_datetime
from common.domain.contact import Assessment
from common.domain.delivery import Channel, Delivery
from common.domain.enrollment import Enrollment
from common.domain.series import Booking
from common.ledger.ledger import Ledger
from common.ledger.owners import Owner, Recipient
from common.meetings import meeting_of
from common.settings.settings import Settings

UNSUBSCRIBE_URL = "https://unsubscribe.invalid/shown-only"
"""In a mail that is only looked at."""
_UNSUBSCRIBE = re.compile(r"https?://[^\s\"'<>]+/unsubscribe/[^\s\"'<>)]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Who reads a delivery, and in which language. `signup`: None for a guest who never signed up."""

    delivery: Delivery
    owner: Owner
    signup: Assessment | None
    language: str


async def reader_of(ledger: Ledger, campaign: Campaign, item: Recipient) -> Reader:
    """Raises as `Store.run` does."""
    if isinstance(item.owner, Enrollment):
        return step_reader(campaign, item.delivery, item.owner)
    found = [one async for one in ledger.enrollments.of_guest(item.contact_id, item.address)]
    return call_reader(campaign, item.delivery, item.owner, found)


def step_reader(campaign: Campaign, delivery: Delivery, enrollment: Enrollment) -> Reader:
    language = enrollment.language or campaign.languages[0]
    return Reader(delivery=delivery, owner=enrollment, signup=enrollment.assessment, language=language)


def call_reader(campaign: Campaign, delivery: Delivery, booking: Booking, signups: Sequence[Enrollment]) -> Reader:
    """In the language that a signup chose, else that of the calendar."""
    chosen = next((one.language for one in signups if one.language in campaign.languages), None)
    signup = next((one.assessment for one in signups), None)
    language = chosen or campaign.language_of(booking.locale)
    return Reader(delivery=delivery, owner=booking, signup=signup, language=language)


def render_shown(
    settings: Settings, campaign: Campaign, reader: Reader, *, unsubscribe_url: str, at_ms: int
) -> Rendered:
    """
    As it is read at `at_ms`; of an SMS there is only the text.

    Raises CampaignError when it cannot be written for this person, IndexError or KeyError when the campaign has none.
    """
    identity, delivery = campaign.identity(settings.identity), reader.delivery
    if isinstance(reader.owner, Enrollment):
        assert delivery.step is not None
        return campaign.messages.render(
            delivery.step,
            reader.owner.assessment,
            segment=reader.owner.segment,
            identity=identity,
            unsubscribe_url=unsubscribe_url,
            language=reader.language,
            today=_day(campaign, reader.owner, at_ms),
        )
    meeting = _meeting(settings, reader, reader.owner)
    if delivery.channel is Channel.SMS:
        return Rendered("", "", campaign.messages.render_sms(delivery.plan_name, meeting, identity, reader.language))
    return campaign.messages.render_call_mail(delivery.plan_name, meeting, identity, unsubscribe_url, reader.language)


def subject_shown(settings: Settings, campaign: Campaign, reader: Reader, *, at_ms: int) -> str:
    """Its subject, of an SMS its text, without the rest. Raises as `render_shown`."""
    identity, delivery = campaign.identity(settings.identity), reader.delivery
    if isinstance(reader.owner, Enrollment):
        assert delivery.step is not None
        return campaign.messages.subject(
            delivery.step,
            reader.owner.assessment,
            segment=reader.owner.segment,
            identity=identity,
            language=reader.language,
            today=_day(campaign, reader.owner, at_ms),
        )
    return _call_subject(campaign, reader, identity, _meeting(settings, reader, reader.owner))


def _call_subject(campaign: Campaign, reader: Reader, identity: Identity, meeting: Meeting) -> str:
    delivery = reader.delivery
    if delivery.channel is Channel.SMS:
        return campaign.messages.render_sms(delivery.plan_name, meeting, identity, reader.language)
    return campaign.messages.call_mail_subject(delivery.plan_name, meeting, identity, reader.language)


def _meeting(settings: Settings, reader: Reader, booking: Booking) -> Meeting:
    start_ms = reader.delivery.call_start_ms or booking.start_ms or 0
    return meeting_of(settings, booking, start_ms, reader.signup, CALENDAR_URL)


def _day(campaign: Campaign, enrollment: Enrollment, at_ms: int) -> date | None:
    """Where the reader is; None where the campaign counts no days."""
    zone = campaign.zone_of(enrollment.assessment.timezone)
    return utc_datetime(at_ms).astimezone(zone).date() if campaign.compiled.weeks else None


def without_unsubscribe(text: str) -> str:
    """Of a mail that was sent: its links to leave lead nowhere."""
    return _UNSUBSCRIBE.sub(UNSUBSCRIBE_URL, text)
