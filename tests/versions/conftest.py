from __future__ import annotations

from pathlib import Path

import pytest
import redis.asyncio

from common.campaigns.campaign import Campaign, campaign_of
from common.campaigns.campaigns import Campaigns
from common.clock import VirtualClock
from common.domain.contact import Assessment
from common.ledger.ledger import Ledger
from common.settings.settings import Settings
from common.versions.played import PlayedVersions

KEY = "christmas_2025"


class Process:
    """A process with its own campaign files, the versions that it plays, and its ledger."""

    def __init__(self, client: redis.asyncio.Redis, files: Campaign, settings: Settings, clock: VirtualClock) -> None:
        self.campaigns = Campaigns(campaign_of(files.compiled))
        self.ledger = Ledger.of(client, self.campaigns.terms(settings.pace), secret_key="s" * 32)
        self.versions = PlayedVersions(self.campaigns, self.ledger, settings, clock, replans=True)

    @property
    def version(self) -> str:
        return self.campaigns[KEY].version


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(secret_key="s" * 32, data_dir=tmp_path, sandboxed=frozenset({"resend", "notion"}))


@pytest.fixture
def ada() -> Assessment:
    return Assessment(email="ada@example.org", first_name="Ada", assessment_score=38, red_systems=2)
