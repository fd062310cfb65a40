"""The packaged campaigns, each loaded only once per process, because loading takes two thirds of a second."""

from __future__ import annotations

import functools

from common.campaigns.campaign import Campaign
from common.campaigns.campaigns import Campaigns
from common.campaigns.loader import load_campaign


@functools.cache
def packaged_campaign(key: str) -> Campaign:
    """Return a packaged campaign, for tests that only read it."""
    return load_campaign(key)


def packaged_campaigns(*keys: str) -> Campaigns:
    """Return packaged campaigns, like `load_campaigns`. `replace` on the result does not affect other callers."""
    return Campaigns(*map(packaged_campaign, keys))
