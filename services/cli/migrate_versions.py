"""`advent migrate --yes`: puts the campaign files in force for people from before versions were stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from common.campaigns.campaigns import load_campaigns
from common.clock import SystemClock
from common.ledger.ledger import Ledger
from common.ledger.versions import LogEntry
from common.store.clients import connect_async
from services.cli.shared import user_name

if TYPE_CHECKING:
    from common.settings.settings import Settings

ASKED = (
    "people signed up before versions of campaigns were kept, so every text that they get next may differ from what was"
    " planned; look at `advent preview`, then `advent migrate --yes` puts these files in force"
)


async def decide_versions(settings: Settings, url: str, *, is_agreed: bool) -> list[str]:
    """Put the files in force if needed and agreed. Return the lines to print; [] when nothing had to be decided."""
    campaigns = load_campaigns(settings.campaign_keys, directory=settings.campaigns_dir)
    async with connect_async(url) as client:
        versions = Ledger.of(client, campaigns.terms(settings.pace), secret_key=settings.secret).versions
        if not await versions.is_unversioned():
            return []
        if settings.is_real and not is_agreed:
            return [ASKED]
        lines = []
        for key, campaign in campaigns.items():
            entry = LogEntry(
                version=campaign.version,
                source=None,
                action="migrate",
                by=user_name(),
                at_ms=SystemClock().now_ms(),
            )
            await versions.apply(key, entry, compiled=campaign.compiled.to_json())
            lines.append(f"{key}: version {campaign.version}, of these files, is in force")
        return lines
