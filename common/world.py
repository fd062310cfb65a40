"""What an actor may touch: clock, ledger, providers, content, settings. Only entries build one; the rest receive it."""

from __future__ import annotations

from dataclasses import dataclass

from common.campaigns.campaigns import Campaigns
from common.clock import Clock
from common.ledger.ledger import Ledger
from common.providers.protocols import ProviderSet
from common.settings.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class World(ProviderSet):
    clock: Clock
    ledger: Ledger
    settings: Settings
    campaigns: Campaigns
    worker: str
    """This process's id among the heartbeats; a claim names it."""
