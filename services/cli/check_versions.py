"""The part of `advent check` for versions: whether the campaign files on disk are in force."""

from __future__ import annotations

from typing import TYPE_CHECKING

from common.store.errors import StoreError

if TYPE_CHECKING:
    from common.campaigns.campaigns import Campaigns
    from common.settings.settings import Settings
    from services.cli.check_report import CheckReport


async def compare_versions(settings: Settings, campaigns: Campaigns, found: CheckReport) -> None:
    """Warn about files that are not applied yet. Say nothing if the store does not answer: another check says it."""
    import redis

    from common.ledger.ledger import Ledger
    from common.store.clients import connect_async
    from common.versions.played import differing_from, differs_line
    from services.supervisor.run_dir import with_store_url

    try:
        url = with_store_url(settings).redis_url or ""
        async with connect_async(url) as client:
            ledger = Ledger.of(client, campaigns.terms(settings.pace), secret_key=settings.secret_key or "")
            if differing := await differing_from(campaigns, ledger):
                found.warnings.append(differs_line(differing))
    except (StoreError, redis.RedisError):
        return
