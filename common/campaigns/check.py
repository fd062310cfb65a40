"""What is only seen when a campaign is played: every mail is rendered for sample people before anybody gets one."""

from __future__ import annotations

from common.campaigns import samples
from common.campaigns.campaign import Campaign, Rendered
from common.campaigns.errors import CampaignError


def check_mails(campaign: Campaign) -> None:
    """
    Every mail renders for every sample, says who writes, and shares its subject with none of the same person.

    Raises CampaignError.
    """
    for language in campaign.languages:
        for kind in samples.KINDS:
            rendered = [*samples.mails(campaign, samples.IDENTITY, kind=kind, language=language)]
            for sample in rendered:
                _check_identification(sample.mail, f"{campaign.key}/layout")
            for segment in campaign.segments:
                _check_subjects(f"{campaign.key}/{language}/emails", [s for s in rendered if s.segment == segment])


def _check_subjects(folder: str, mails: list[samples.Sample]) -> None:
    subjects = [sample.mail.subject for sample in mails]
    for subject in subjects:
        if subjects.count(subject) > 1:
            raise CampaignError(f"{folder}: subject: two mails of one person are called {subject!r}; change one")


def _check_identification(mail: Rendered, layout: str) -> None:
    identity = samples.IDENTITY
    shown = {
        "unsubscribe_url": samples.UNSUBSCRIBE_URL,
        "postal_address": identity.postal_address,
        "contact_address": identity.contact_address,
    }
    for name, part in (("mail.mjml", mail.html), ("mail.txt", mail.text)):
        for field, value in shown.items():
            if value not in part:
                raise CampaignError(f"{layout}/{name}: {field} is not shown; the law asks for it in every mail")
