"""The mail of a step for somebody who signed up, to be looked at: rendered as a worker renders it."""

from __future__ import annotations

from datetime import date

from common.campaigns.campaign import Campaign
from common.campaigns.facts import Identity
from common.campaigns.messages import Rendered
from common.clock import utc_datetime
from common.domain.enrollment import Enrollment
from common.domain.ids import Step


def render_step(
    campaign: Campaign, enrollment: Enrollment, step: Step, *, identity: Identity, unsubscribe_url: str, at_ms: int
) -> Rendered:
    """
    As it is read at `at_ms`. `identity`: of the campaign.

    Raises CampaignError when it cannot be written for this person, IndexError for a step there is not.
    """
    return campaign.messages.render(
        step,
        enrollment.assessment,
        segment=enrollment.segment,
        identity=identity,
        unsubscribe_url=unsubscribe_url,
        language=enrollment.language,
        today=day_of(campaign, enrollment, at_ms),
    )


def day_of(campaign: Campaign, enrollment: Enrollment, at_ms: int) -> date | None:
    """Where the reader is; None where the campaign counts no days."""
    zone = campaign.zone_of(enrollment.assessment.timezone)
    return utc_datetime(at_ms).astimezone(zone).date() if campaign.compiled.weeks else None
