"""What is only seen when a campaign is played: every mail is rendered for sample people before anybody gets one."""

from __future__ import annotations

from pathlib import Path

from common.campaigns import samples
from common.campaigns.campaign import Campaign, Rendered
from common.campaigns.errors import CampaignError
from common.domain.segment import Segment


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
    """Every mail renders for every sample, says who writes, and shares its subject with none. Raises CampaignError."""
    for kind in samples.PEOPLE:
        rendered = dict(samples.mails(campaign, samples.IDENTITY, kind=kind))
        for mail in rendered.values():
            _check_identification(mail, campaign.renderer.layout.folder)
        for segment in Segment:
            subjects = [mail.subject for name, mail in rendered.items() if f".{segment.lower()}." in name]
            for subject in subjects:
                if subjects.count(subject) > 1:
                    raise CampaignError(f"{file}: subject: two mails of one person are called {subject!r}; change one")


def _check_identification(mail: Rendered, layout: Path) -> None:
    identity = samples.IDENTITY
    shown = {
        "unsubscribe_url": samples.UNSUBSCRIBE_URL,
        "postal_address": identity.postal_address,
        "contact_address": identity.contact_address,
    }
    for name, part in (("mail.mjml", mail.html), ("mail.txt", mail.text)):
        for field, value in shown.items():
            if value not in part:
                raise CampaignError(f"{layout / name}: {field} is not shown; the law asks for it in every mail")
