"""What an actor may use: clock, ledger, providers, campaigns, settings. Only entry points build a `World`."""

from __future__ import annotations

from dataclasses import dataclass

from common.campaigns.campaigns import Campaigns
from common.clock import Clock
from common.ledger.ledger import Ledger
from common.providers.protocols import ProviderSet
from common.settings.settings import Settings
from common.versions.played import PlayedVersions


@dataclass(frozen=True, slots=True, kw_only=True)
class World(ProviderSet):
    clock: Clock
    ledger: Ledger
    settings: Settings
    campaigns: Campaigns
    worker: str
    """The id of this process in the heartbeats; its claims are stored under this id."""
    versions: PlayedVersions | None = None
    """None where campaigns are read from files: in a simulation."""
