"""What runs beside the jobs in every worker: the sweeper, and the clock's comparison with the store's."""

from __future__ import annotations

import asyncio

import redis
import structlog

from actors import circuit_log
from common.clock import SystemClock
from common.ledger import keys
from common.ledger.ledger import Ledger
from common.store.clock_sync import calibrate as calibrate

log = structlog.get_logger(__name__)

SWEEP_EVERY_S = 15


async def heal(ledger: Ledger, clock: SystemClock, worker: str) -> None:
    """Until cancelled: sweep when it is this worker's turn, and keep the clock with the store's."""
    while True:
        try:
            await calibrate(ledger, clock)
            await circuit_log.update_gauges(ledger)
            if await ledger.client.set(keys.SWEEP, worker, nx=True, px=SWEEP_EVERY_S * 1000 - 500):
                await sweep(ledger, clock)
        except (redis.RedisError, OSError) as error:
            log.warning("sweep_deferred", error=type(error).__name__)
        except Exception:
            # Our own mistake: said, and tried again. Without this task nothing that gets lost is ever found.
            log.exception("sweep_failed")
        await asyncio.sleep(SWEEP_EVERY_S)  # noqa: TID251 -- the sweeper heals the schedule, so it cannot stand in it


async def sweep(ledger: Ledger, clock: SystemClock) -> int:
    """Go once through the ledger; how many jobs had to be scheduled again."""
    cursor, healed = "0", 0
    while True:
        cursor, jobs = await ledger.schedule.sweep(cursor, now_ms=clock.now_ms())
        healed += len(jobs)
        for job in jobs:
            log.warning("job_rescheduled", job=job)
        if cursor == "0":
            return healed
        await asyncio.sleep(0.005)  # noqa: TID251 -- other scripts shall come between two pages
