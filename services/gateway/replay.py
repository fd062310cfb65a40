"""
Gives the ledger what the spool kept, oldest first, as soon as the store is back; in the background, for ever.

It also keeps the clock with the store's: from the gateway's instant every step of a campaign counts.
"""

from __future__ import annotations

import asyncio

from common.clock import Clock
from common.ledger.ledger import Ledger
from common.observability.logs import get_logger
from common.store.clock_sync import correct_clock
from services.gateway.events import Kept
from services.gateway.spool import Batch, Spool
from services.gateway.spool_file import encode
from services.gateway.store_watch import FAILURES, StoreWatch, refuses_only_this

AGAIN_S = 0.3
ORPHANS_S = 5
FAILED_S = 5
BATCH = 100

log = get_logger(__name__)


class Replay:
    """While the store is away, one event, or a ping when none is kept, asks whether it is back."""

    def __init__(self, ledger: Ledger, spool: Spool, store: StoreWatch, clock: Clock) -> None:
        self.ledger = ledger
        self._bookings = ledger.bookings
        self.spool = spool
        self.store = store
        self.clock = clock
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Set the clock, adopt what an earlier gateway left, then run until `stop`."""
        await self._calibrate()
        self.spool.rescue(self.spool.folder.orphans())
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        self._stopping.set()
        self.store.changed.set()
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                await self._turn()
            except Exception:
                # A full disk, a file of another user: said, and tried again. Without this task nothing spooled gets in.
                log.exception("spool_replay_failed")
                await self._pause(self._stopping, FAILED_S)

    async def _turn(self) -> None:
        self.store.changed.clear()
        await self._drain()
        await self._calibrate()
        busy = self.store.is_away or self.spool.events > 0
        await self._pause(self._stopping if busy else self.store.changed, AGAIN_S if busy else ORPHANS_S)
        if not busy:
            self.spool.rescue(await asyncio.to_thread(self.spool.folder.orphans))

    async def _pause(self, event: asyncio.Event, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            pass

    async def _calibrate(self) -> None:
        if self.store.is_away:
            return
        try:
            await correct_clock(self.ledger.client, self.clock)
        except FAILURES as error:
            self.store.failed(error)

    async def _drain(self) -> None:
        while not self._stopping.is_set():
            batch = self.spool.oldest(1 if self.store.is_away else BATCH)
            if batch is None and not self.store.is_away:
                return
            if not await (self._ping() if batch is None else self._give(batch)):
                return
            self.store.answered()

    async def _ping(self) -> bool:
        try:
            await self.ledger.client.ping()
        except FAILURES:
            return False
        return True

    async def _give(self, batch: Batch) -> bool:
        """The events of a batch concern different people, so they may go together: one pipeline."""
        errors = await asyncio.gather(*map(self._give_one, batch.events), return_exceptions=True)
        failed = [error for error in errors if isinstance(error, FAILURES) and not refuses_only_this(error)]
        if failed:
            self.store.failed(failed[0])
            return False
        for event, error in zip(batch.events, errors, strict=True):
            if error is not None:
                # Our mistake, and never mended by waiting: it must not hold up what comes after it.
                log.error("spool_event_set_aside", enrollment_id=event.enrollment_id, exc_info=error)
                self.spool.folder.set_aside(encode(event))
        self.spool.settle(batch)
        log.info("spool_replayed", events=len(batch.events), left=self.spool.events)
        return True

    async def _give_one(self, event: Kept) -> None:
        if event.kind == "unsubscribe":
            await self.ledger.enrollments.unsubscribe(
                event.enrollment_id, address_hash=event.payload["mark"], now_ms=event.received_ms
            )
        elif event.kind == "booking":
            await self._bookings.accept(event.booking(), webhook_id=event.id)
        elif event.kind == "feedback":
            await self.ledger.feedback.record(event.feedback(), webhook_id=event.id)
        else:
            await self.ledger.signups.accept(
                event.assessment(), webhook_id=event.id, received_ms=event.received_ms, answer="accepted"
            )
