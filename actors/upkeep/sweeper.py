"""The sweeper. It schedules again what the ledger expects and the queue has lost."""

from __future__ import annotations

import asyncio

import structlog

from common.background import repeat
from common.clock import SystemClock
from common.ledger import keys
from common.ledger.leases import WorkerLease
from common.ledger.ledger import Ledger

log = structlog.get_logger(__name__)

SWEEP_EVERY_S = 15


async def run_sweeper(ledger: Ledger, clock: SystemClock, worker: str) -> None:
    """Until cancelled, sweep whenever it is this worker's turn."""
    turn = WorkerLease(ledger.store, keys.SWEEP, lease_ms=SWEEP_EVERY_S * 1000 - 500)

    async def sweep_in_turn() -> None:
        if await turn.take(worker):
            await sweep(ledger, clock)

    await repeat("sweep", sweep_in_turn, every_s=SWEEP_EVERY_S)


async def sweep(ledger: Ledger, clock: SystemClock) -> int:
    """Check once everything that is due for a check. Return how many jobs had to be scheduled again."""
    page, rescheduled, now_ms = "0", 0, clock.now_ms()
    while True:
        # The same time for all pages: by a later time, the first page would be due for another check.
        page, jobs = await ledger.schedule.sweep(page, now_ms=now_ms)
        rescheduled += len(jobs)
        for job in jobs:
            log.warning("job_rescheduled", job=job)
        if page == "0":
            break
        await asyncio.sleep(0.005)  # noqa: TID251 -- so that other scripts run between two pages

    await ledger.schedule.forget_webhooks(now_ms=clock.now_ms())
    return rescheduled
