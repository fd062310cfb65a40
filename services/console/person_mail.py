"""
The mails of one person as the console shows them: name, subject, and the mail as it was or would be sent.

What was sent is rendered again from the version of the campaign that rendered it. Values may have changed since: of a
later signup, or of the sender's settings.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from common.campaigns.campaign import Campaign, stored_campaign
from common.campaigns.errors import CampaignError
from common.campaigns.messages import Rendered
from common.campaigns.personal import day_of, render_step
from common.clock import utc_datetime
from common.domain.enrollment import Enrollment
from common.domain.ids import Step, step_name
from common.ledger.reads.person_mails import PersonMail
from services.console.context import ConsoleContext

UNSUBSCRIBE_URL = "https://unsubscribe.invalid/shown-only"
"""In a mail that is only looked at: the real link would end the person's mail."""


async def campaign_for(context: ConsoleContext, enrollment: Enrollment, version: str | None) -> Campaign | None:
    """The version that rendered a mail; the one in force where that is not kept, or None is given."""
    played = context.played(enrollment.campaign)
    if version is None or (played is not None and played.version == version):
        return played
    text = await context.ledger.versions.text(enrollment.campaign, version)
    try:
        return stored_campaign(text, version) if text else played
    except CampaignError:
        return played


async def campaigns_for(
    context: ConsoleContext, enrollment: Enrollment, mails: Iterable[PersonMail]
) -> dict[str | None, Campaign | None]:
    """By version, each read once."""
    return {version: await campaign_for(context, enrollment, version) for version in {mail.version for mail in mails}}


def zone_time(campaign: Campaign | None, enrollment: Enrollment, at_ms: int) -> datetime:
    """In the time zone of the person: of the signup, else of the campaign."""
    time = utc_datetime(at_ms)
    return time.astimezone(campaign.zone_of(enrollment.assessment.timezone)) if campaign else time


def title_of(campaign: Campaign | None, step: Step) -> str:
    """What the team calls this mail."""
    named = {one.id: one.name for one in campaign.steps} if campaign else {}
    return named.get(step_name(step), f"step {step}")


def subject_of(context: ConsoleContext, campaign: Campaign | None, enrollment: Enrollment, mail: PersonMail) -> str:
    """ "" for a mail that the campaign does not have any more, or that cannot be written for this person."""
    if campaign is None:
        return ""
    try:
        return campaign.messages.subject(
            mail.step,
            enrollment.assessment,
            segment=enrollment.segment,
            identity=campaign.identity(context.settings.identity),
            language=enrollment.language,
            today=day_of(campaign, enrollment, mail.at_ms),
        )
    except (CampaignError, IndexError, KeyError):
        return ""


def render(context: ConsoleContext, campaign: Campaign, enrollment: Enrollment, mail: PersonMail) -> Rendered:
    """Raises CampaignError when it cannot be written for this person; IndexError for a step there is not."""
    return render_step(
        campaign,
        enrollment,
        mail.step,
        identity=campaign.identity(context.settings.identity),
        unsubscribe_url=UNSUBSCRIBE_URL,
        at_ms=mail.at_ms,
    )
