"""Comes round when something is due: outcomes of mails, then the webhooks that tell of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import aiohttp
from aiohttp import web

from common.observability.logs import get_logger
from services.sandbox.resend.delivery import Delivery
from services.sandbox.resend.hooks import Hooks
from services.sandbox.state import Sandbox

LONGEST_SLEEP_SECONDS = 60.0

log = get_logger(__name__)


class Courier:
    def __init__(self, sandbox: Sandbox, delivery: Delivery, hooks: Hooks) -> None:
        self._sandbox = sandbox
        self._delivery = delivery
        self._hooks = hooks
        self._called = asyncio.Event()

    def call(self) -> None:
        """Something new may be due: come now rather than at the end of the round."""
        self._called.set()

    async def running(self, app: web.Application) -> AsyncIterator[None]:
        """Runs beside the application (`app.cleanup_ctx`)."""
        async with aiohttp.ClientSession() as session:
            rounds = asyncio.create_task(self._rounds(session))
            rounds.add_done_callback(_tell_failure)
            yield
            rounds.cancel()
            await asyncio.gather(rounds, return_exceptions=True)

    async def _rounds(self, session: aiohttp.ClientSession) -> None:
        while True:
            self._called.clear()
            self._delivery.settle_due()
            await self._hooks.post_due(session)
            try:
                await asyncio.wait_for(self._called.wait(), self._seconds_to_next())
            except TimeoutError:
                continue

    def _seconds_to_next(self) -> float:
        due = [at for at in (self._delivery.next_due_ms(), self._hooks.next_due_ms()) if at is not None]
        if not due:
            return LONGEST_SLEEP_SECONDS
        seconds = (min(due) - self._sandbox.clock.now_ms()) / 1_000
        return min(max(seconds, 0.01), LONGEST_SLEEP_SECONDS)


def _tell_failure(rounds: asyncio.Task[None]) -> None:
    if not rounds.cancelled() and rounds.exception() is not None:
        log.error("courier_failed", exc_info=rounds.exception())
