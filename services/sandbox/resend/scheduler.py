"""A background task that settles outcomes of mails when they are due, then posts their webhooks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import aiohttp
from aiohttp import web

from common.observability.logs import get_logger
from services.sandbox.resend.delivery import Delivery
from services.sandbox.resend.webhooks import Webhooks
from services.sandbox.state import Sandbox

SLEEP_SECONDS_MAX = 60.0

log = get_logger(__name__)


class Scheduler:
    def __init__(self, sandbox: Sandbox, delivery: Delivery, webhooks: Webhooks) -> None:
        self._sandbox = sandbox
        self._delivery = delivery
        self._webhooks = webhooks
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Check now what is due, because something new may be."""
        self._wake.set()

    async def running(self, app: web.Application) -> AsyncIterator[None]:
        """Run the task while the application runs (`app.cleanup_ctx`)."""
        async with aiohttp.ClientSession() as session:
            loop = asyncio.create_task(self._run(session))
            loop.add_done_callback(_log_failure)
            yield
            loop.cancel()
            await asyncio.gather(loop, return_exceptions=True)

    async def _run(self, session: aiohttp.ClientSession) -> None:
        while True:
            self._wake.clear()
            self._delivery.settle_due()
            await self._webhooks.post_due(session)
            try:
                await asyncio.wait_for(self._wake.wait(), self._seconds_to_next())
            except TimeoutError:
                continue

    def _seconds_to_next(self) -> float:
        due = [at for at in (self._delivery.next_due_ms(), self._webhooks.next_due_ms()) if at is not None]
        if not due:
            return SLEEP_SECONDS_MAX
        seconds = (min(due) - self._sandbox.clock.now_ms()) / 1_000
        return min(max(seconds, 0.01), SLEEP_SECONDS_MAX)


def _log_failure(loop: asyncio.Task[None]) -> None:
    if not loop.cancelled() and loop.exception() is not None:
        log.error("scheduler_failed", exc_info=loop.exception())
