"""
A mail or SMS to one contact, rendered for display or for a test: as a worker renders it, except for its links.

The real links would unsubscribe the contact, and would show the contact's calls to the recipient of a test mail.
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
"""The unsubscribe link of a mail that is only displayed."""
_UNSUBSCRIBE = re.compile(r"https?://[^\s\"'<>]+/unsubscribe/[^\s\"'<>)]+")


def render_shown(
    settings: Settings, campaign: Campaign, delivery: Delivery, reader: Reader, *, unsubscribe_url: str, at_ms: int
) -> Rendered:
    """
    Render a delivery as the reader would read it at `at_ms`. An SMS has only a text.

    Raises CampaignError when it cannot be rendered for this person, IndexError or KeyError when the campaign has no
    such message.
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
    """Return only the subject of a mail, or the text of an SMS. Raises as `render_shown` does."""
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
    """Return the reader's local date, or None when the campaign counts no weeks."""
    return local_day(at_ms, reader.zone) if campaign.compiled.weeks else None


def without_unsubscribe(text: str) -> str:
    """Return the text of a sent mail with its unsubscribe links replaced by one that leads nowhere."""
    return _UNSUBSCRIBE.sub(UNSUBSCRIBE_URL, text)
