"""The campaigns that a process plays."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from common.campaigns.campaign import Campaign
from common.campaigns.errors import CampaignError
from common.campaigns.loader import load_campaign
from common.domain.cadence import Pace
from common.domain.campaign_terms import CampaignTerms
from common.domain.projection import CampaignColumns


class Campaigns(dict[str, Campaign]):
    """The campaigns by key, in the order of the setting CAMPAIGNS; there is at least one."""

    def __init__(self, *campaigns: Campaign) -> None:
        super().__init__({campaign.key: campaign for campaign in campaigns})

    def played(self, key: str) -> Campaign:
        """Return the campaign with this key. Raises CampaignError if it is not played here."""
        if key not in self:
            raise CampaignError(f"the campaign {key} is not played here; add it to CAMPAIGNS")
        return self[key]

    def get_or_default(self, key: str | None) -> Campaign:
        """Return the campaign with this key, or the first campaign when that one is not played here."""
        return self.get(key or "", self.default)

    def replace(self, campaign: Campaign) -> None:
        """Use this version of the campaign from now on."""
        self[self.played(campaign.key).key] = campaign

    @property
    def default(self) -> Campaign:
        """The first campaign; it also serves bookings and contacts that belong to no campaign."""
        return next(iter(self.values()))

    @property
    def notion_columns(self) -> Mapping[str, CampaignColumns]:
        return {key: campaign.notion_columns for key, campaign in self.items()}

    def windows_ignored(self, pace: Pace) -> list[str]:
        """The campaigns whose sending windows do not apply, because TESTING_MODE is on."""
        return [key for key, campaign in self.items() if campaign.compiled.sending_window and pace.testing]

    def terms(self, pace: Pace) -> list[CampaignTerms]:
        """Return the facts that the ledger needs, for each campaign. Raises as `Campaign.cadence`."""
        return [campaign.terms(pace) for campaign in self.values()]


_preloaded: dict[tuple[tuple[str, ...], Path | None], tuple[Campaign, ...]] = {}


def load_campaigns(keys: tuple[str, ...], *, directory: Path | None = None) -> Campaigns:
    """Load and check these campaigns, or return the preloaded ones. Raises CampaignError as `load_campaign` does."""
    found = _preloaded.get((keys, directory))
    return Campaigns(*(found or (load_campaign(key, directory=directory) for key in keys)))


def preload_campaigns(keys: tuple[str, ...], *, directory: Path | None = None) -> Campaigns:
    """
    Load the campaigns before processes are forked. The processes share the memory, and a process that restarts while
    somebody edits the files does not read half-edited ones.
    """
    campaigns = load_campaigns(keys, directory=directory)
    _preloaded[keys, directory] = tuple(campaigns.values())
    return campaigns
