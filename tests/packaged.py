"""The packaged campaigns, each loaded once a process: a load takes two thirds of a second."""

from __future__ import annotations

import functools

from common.campaigns.campaign import Campaign
from common.campaigns.campaigns import Campaigns
from common.campaigns.loader import load_campaign


@functools.cache
def packaged_campaign(key: str) -> Campaign:
    """For tests that only read it."""
    return load_campaign(key)


def packaged_campaigns(*keys: str) -> Campaigns:
    """As `load_campaigns`; which version of each is played is the caller's own."""
    return Campaigns(*map(packaged_campaign, keys))
