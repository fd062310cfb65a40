"""
A mail or SMS of one person to be looked at, or tested: rendered as a worker renders it, but for its links.

The real link would end the person's mail, and would show the person's calls to whoever gets a test.
"""

from __future__ import annotations

import re
from datetime import date

from common.campaigns.campaign import Campaign
from common.campaigns.facts import Meeting
from common.campaigns.messages import Rendered
from common.campaigns.samples import CALENDAR_URL
from common.domain.delivery import Channel, Delivery
from common.domain.enrollment import Enrollment
from common.domain.series import Booking
from common.domain.windows import local_day
from common.meetings import meeting_of
from common.readers import Reader
from common.settings.settings import Settings

UNSUBSCRIBE_URL = "https://unsubscribe.invalid/shown-only"
"""In a mail that is only looked at."""
_UNSUBSCRIBE = re.compile(r"https?://[^\s\"'<>]+/unsubscribe/[^\s\"'<>)]+")


def render_shown(
    settings: Settings, campaign: Campaign, delivery: Delivery, reader: Reader, *, unsubscribe_url: str, at_ms: int
) -> Rendered:
    """
    As it is read at `at_ms`; of an SMS there is only the text.

    Raises CampaignError when it cannot be written for this person, IndexError or KeyError when the campaign has none.
    """
    identity = campaign.identity(settings.identity)
    if isinstance(reader.owner, Enrollment):
        assert delivery.step is not None
        return campaign.messages.render(
            delivery.step,
            reader.owner.assessment,
            segment=reader.owner.segment,
            identity=identity,
            unsubscribe_url=unsubscribe_url,
            language=reader.language,
            today=_day(campaign, reader, at_ms),
        )
    meeting = _meeting(settings, delivery, reader, reader.owner)
    if delivery.channel is Channel.SMS:
        return Rendered("", "", campaign.messages.render_sms(delivery.plan_name, meeting, identity, reader.language))
    return campaign.messages.render_call_mail(delivery.plan_name, meeting, identity, unsubscribe_url, reader.language)


def subject_shown(settings: Settings, campaign: Campaign, delivery: Delivery, reader: Reader, *, at_ms: int) -> str:
    """Its subject, of an SMS its text, without the rest. Raises as `render_shown`."""
    identity = campaign.identity(settings.identity)
    if isinstance(reader.owner, Enrollment):
        assert delivery.step is not None
        return campaign.messages.subject(
            delivery.step,
            reader.owner.assessment,
            segment=reader.owner.segment,
            identity=identity,
            language=reader.language,
            today=_day(campaign, reader, at_ms),
        )
    meeting = _meeting(settings, delivery, reader, reader.owner)
    if delivery.channel is Channel.SMS:
        return campaign.messages.render_sms(delivery.plan_name, meeting, identity, reader.language)
    return campaign.messages.call_mail_subject(delivery.plan_name, meeting, identity, reader.language)


def _meeting(settings: Settings, delivery: Delivery, reader: Reader, booking: Booking) -> Meeting:
    start_ms = delivery.call_start_ms or booking.start_ms or 0
    return meeting_of(settings, booking, start_ms, reader.signup, CALENDAR_URL)


def _day(campaign: Campaign, reader: Reader, at_ms: int) -> date | None:
    """Where the reader is; None where the campaign counts no days."""
    return local_day(at_ms, reader.zone) if campaign.compiled.weeks else None


def without_unsubscribe(text: str) -> str:
    """Of a mail that was sent: its links to leave lead nowhere."""
    return _UNSUBSCRIBE.sub(UNSUBSCRIBE_URL, text)
