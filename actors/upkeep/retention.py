"""Erases what people told and received whose sequence ended `RETENTION_DAYS` ago; their ids, and all counts, stay."""

from __future__ import annotations

import asyncio

import structlog

from common.store.errors import STORE_ERRORS
from common.world import World

log = structlog.get_logger(__name__)

EVERY_S = 3_600
PAUSE_S = 0.1
DAY_MS = 86_400_000


async def run_retention(world: World) -> None:
    """Until cancelled: erase once an hour. Several workers may; each slice is erased once."""
    while True:
        try:
            await erase_ended(world)
        except STORE_ERRORS as error:
            log.warning("retention_deferred", error=type(error).__name__)
        except Exception:
            # A bug: logged, and tried again.
            log.exception("retention_failed")
        await asyncio.sleep(EVERY_S)  # noqa: TID251 -- an upkeep task of its own, which no job waits for


async def erase_ended(world: World) -> None:
    """Everybody whose time has come, in slices so small that no mail waits for one."""
    before_ms = world.clock.now_ms() - world.settings.retention_days * DAY_MS
    is_more = True
    while is_more:
        is_more = await world.ledger.contacts.erase_ended(before_ms=before_ms)
        await asyncio.sleep(PAUSE_S)  # noqa: TID251 -- so that other scripts run between two slices
