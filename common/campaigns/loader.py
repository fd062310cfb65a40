"""Loads a campaign from its folder, and refuses one whose mails could contain a blank, before any mail is sent."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from common.campaigns import samples
from common.campaigns.campaign import Campaign, campaign_of
from common.campaigns.compile import compile_campaign
from common.campaigns.errors import CampaignError
from common.campaigns.facts import Identity, Meeting
from common.campaigns.messages import Rendered

__all__ = ["Campaign", "CampaignError", "Identity", "Meeting", "Rendered", "campaign_names", "load_campaign"]

_PACKAGED = Path(__file__).parent
SMS_CHARACTERS_MAX = 1_600
"""Twilio's error 21617."""


def load_campaign(key: str, *, directory: Path | None = None) -> Campaign:
    """
    Load the campaign in the folder `key` of `directory`, or the packaged campaign of this name if there is none.

    The campaign is checked completely: each body is rendered in each language and for each segment, for sample people.
    Raises CampaignError naming the file, the field and the fix.
    """
    campaign = campaign_of(compile_campaign(folder_of(key, directory)))
    # Without skeletons, because a process that only checks a campaign does not need their memory.
    check_mails(replace(campaign, renderer=campaign.renderer.without_skeletons()))
    return campaign


def folder_of(key: str, directory: Path | None = None) -> Path:
    """Return the folder of a campaign's files. Raises CampaignError if there is none."""
    for home in _homes(directory):
        if key in campaign_names(home):
            return home / key
    known = available_campaigns(directory)
    raise CampaignError(f"CAMPAIGN={key}: not in {directory or _PACKAGED}; there are: {', '.join(known) or 'none'}")


def available_campaigns(directory: Path | None = None) -> list[str]:
    """Return the names of all campaigns: in `directory`, and packaged. Raises CampaignError if it is not a folder."""
    return sorted({name for home in _homes(directory) for name in campaign_names(home)})


def _homes(directory: Path | None) -> list[Path]:
    return [directory, _PACKAGED] if directory else [_PACKAGED]


def campaign_names(directory: Path | None = None) -> list[str]:
    """Return the campaigns in a folder, by default the packaged ones. Raises CampaignError if it is not a folder."""
    home = directory or _PACKAGED
    if not home.is_dir():
        raise CampaignError(f"CAMPAIGNS_DIR={home}: no such folder; set the one that holds the campaigns' folders")
    return sorted(file.parent.name for file in home.glob("*/campaign.toml"))


def check_mails(campaign: Campaign) -> None:
    """
    Check that every mail renders for every sample, identifies the sender, and has a subject that no other mail to the
    same contact has. Raises CampaignError.
    """
    for language in campaign.languages:
        for kind in samples.KINDS:
            rendered = [*samples.mails(campaign, samples.IDENTITY, kind=kind, language=language)]
            for _, file, text in samples.texts(campaign, samples.IDENTITY, kind=kind, language=language):
                _check_length(f"{campaign.key}/{language}/{file}", text)
            for sample in rendered:
                _check_identification(sample.mail, f"{campaign.key}/layout")
            for segment in campaign.segments:
                _check_subjects(f"{campaign.key}/{language}/emails", [s for s in rendered if s.segment == segment])


def _check_length(file: str, text: str) -> None:
    if len(text) > SMS_CHARACTERS_MAX:
        raise CampaignError(f"{file}: {len(text)} characters, but an SMS has at most {SMS_CHARACTERS_MAX}; shorten it")


def _check_subjects(folder: str, mails: list[samples.Sample]) -> None:
    subjects = [sample.mail.subject for sample in mails]
    for subject in subjects:
        if subjects.count(subject) > 1:
            raise CampaignError(f"{folder}: subject: two mails to one contact have the subject {subject!r}; change one")


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
                raise CampaignError(f"{layout}/{name}: {field} is not shown; the law requires it in every mail; add it")
