"""A simulation for the real SDKs, and the alerts that it raises."""

from __future__ import annotations

from typing import Any

import pytest
import redis.asyncio

from common.campaigns.loader import Campaign
from common.clock import VirtualClock
from common.domain.contact import Assessment
from common.ledger import circuits
from common.settings.settings import Settings
from services.simulation.engine import Simulation


@pytest.fixture
def simulation(store: redis.asyncio.Redis, campaign: Campaign, clock: VirtualClock) -> Simulation:
    settings = Settings(secret_key="k" * 32, sandboxed=frozenset({"resend", "notion"}))
    return Simulation(store, campaign, settings, clock=clock)


@pytest.fixture
def ada() -> Assessment:
    return Assessment(email="ada@salon.example", first_name="Ada", assessment_score=38, red_systems=2)


@pytest.fixture
def boris() -> Assessment:
    return Assessment(email="boris@salon.example", first_name="Boris", assessment_score=71, orange_systems=1)


class AlertLog:
    """Records the names of the alerts, in order."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def _hear(self, name: str, **_reported: Any) -> None:
        self.names.append(name)

    error = warning = info = _hear


@pytest.fixture
def alerts(monkeypatch: pytest.MonkeyPatch) -> AlertLog:
    alerts = AlertLog()
    monkeypatch.setattr(circuits, "log", alerts)
    return alerts
