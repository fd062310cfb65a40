"""Erase the data of contacts whose sequence ended `RETENTION_DAYS` ago. Their ids, and all counts, stay."""

from __future__ import annotations

import asyncio

from common.background import repeat
from common.world import World

EVERY_S = 3_600
PAUSE_S = 0.1
DAY_MS = 86_400_000


async def run_retention(world: World) -> None:
    """Until cancelled, erase once an hour. Several workers may do so at once; each slice is erased only once."""
    await repeat("retention", lambda: erase_ended(world), every_s=EVERY_S)


async def erase_ended(world: World) -> None:
    """Erase all contacts whose time has come, in slices so small that none delays a mail."""
    before_ms = world.clock.now_ms() - world.settings.retention_days * DAY_MS
    is_more = True
    while is_more:
        is_more = await world.ledger.contacts.erase_ended(before_ms=before_ms)
        await asyncio.sleep(PAUSE_S)  # noqa: TID251 -- so that other scripts run between two slices
