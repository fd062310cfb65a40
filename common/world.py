"""What an actor may touch: clock, ledger, providers, content, settings. Only entries build one; the rest receive it."""

from __future__ import annotations

from dataclasses import dataclass

from common.campaigns.campaigns import Campaigns
from common.clock import Clock
from common.ledger.ledger import Ledger
from common.providers.budget import Budget
from common.providers.protocols import Calendar, Mailer, Mirror, SuppressionList
from common.settings.settings import Settings
from common.versions.played import PlayedVersions


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    clock: Clock
    ledger: Ledger
    settings: Settings
    campaigns: Campaigns
    mailer: Mailer
    mirror: Mirror
    mail_budget: Budget
    mirror_budget: Budget
    worker: str
    """This process's id among the heartbeats; a claim names it."""
    suppression_list: SuppressionList | None = None
    """None in a simulation: nobody else adds to it there."""
    versions: PlayedVersions | None = None
    """None where the campaigns are those of files: in a simulation."""
    calendar: Calendar | None = None
    """None without CALCOM_API_KEY: nothing tells then what webhooks did not."""
