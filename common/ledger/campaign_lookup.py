"""Which campaign is meant."""

from __future__ import annotations

from collections.abc import Mapping

from common.domain.campaign_terms import CampaignTerms


def terms_of(campaigns: Mapping[str, CampaignTerms], key: str | None) -> CampaignTerms:
    """The campaign of this key; None: the first one. Raises KeyError for one that is not played here."""
    return campaigns[key] if key is not None else next(iter(campaigns.values()))
