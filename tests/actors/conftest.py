from __future__ import annotations

import pytest
import redis.asyncio

from common.campaigns.loader import Campaign
from common.clock import VirtualClock
from common.domain.contact import Assessment
from common.settings.settings import Settings
from services.simulation.engine import Simulation
from tests.texting import texting_campaign


@pytest.fixture
def simulation(store: redis.asyncio.Redis, campaign: Campaign, clock: VirtualClock) -> Simulation:
    return Simulation(
        store, campaign, Settings(secret_key="k" * 32, sandboxed=frozenset({"resend", "notion"})), clock=clock
    )


@pytest.fixture(scope="package")
def texting(tmp_path_factory: pytest.TempPathFactory) -> Campaign:
    """The packaged campaign with its SMS turned on; read once."""
    return texting_campaign(tmp_path_factory.mktemp("campaigns"))


@pytest.fixture
def ada() -> Assessment:
    return Assessment(
        email="ada@example.org", first_name="Ada", assessment_score=38, red_systems=2, weakest_system_1="GPS"
    )


@pytest.fixture
def boris() -> Assessment:
    return Assessment(email="boris@example.org", first_name="Boris", assessment_score=71, orange_systems=1)


@pytest.fixture
def chen() -> Assessment:
    return Assessment(email="chen@example.org", first_name="Chen", assessment_score=55, red_systems=1)
