"""What is only seen when a campaign is played: every mail is rendered for sample people before anybody gets one."""

from __future__ import annotations

from pathlib import Path

from common.campaigns import samples
from common.campaigns.campaign import Campaign
from common.campaigns.errors import CampaignError
from common.domain.segment import Segment

REMINDER_SAMPLES = ("full", "sparse")


def check_times(campaign: Campaign, file: Path) -> None:
    """Offsets rise, by the minimum gap at least, in both modes. Raises CampaignError."""
    for mode in ("production", "testing"):
        gap = getattr(campaign.minimum_gap, f"{mode}_ms")
        for earlier, later in zip(campaign.steps, campaign.steps[1:], strict=False):
            distance = getattr(later.after, f"{mode}_ms") - getattr(earlier.after, f"{mode}_ms")
            if distance <= 0 or distance < gap:
                raise CampaignError(
                    f"{file}: steps.{later.number - 1}.after.{mode}: {distance // 1000} s after the step before it; "
                    f"set it at least {max(gap // 1000, 1)} s later"
                )


def check_mails(campaign: Campaign, file: Path) -> None:
    """Every mail renders for every sample, and nobody gets two with one subject. Raises CampaignError."""
    for kind in samples.PEOPLE:
        rendered = dict(samples.mails(campaign, samples.IDENTITY, kind=kind))
        for segment in Segment:
            subjects = [mail.subject for name, mail in rendered.items() if f".{segment.lower()}." in name]
            for subject in subjects:
                if subjects.count(subject) > 1:
                    raise CampaignError(f"{file}: subject: two mails of one person are called {subject!r}; change one")
