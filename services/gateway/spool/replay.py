"""
A background task of the gateway: replays the spool into the ledger, oldest event first, once the store answers.

It also synchronizes the gateway's clock with the store's, because a campaign's due times count from the time at which
the gateway received the signup.
"""

from __future__ import annotations

import asyncio

from common.clock import Clock
from common.ledger.ledger import Ledger
from common.observability.logs import get_logger
from common.store.clock_sync import ClockSync
from common.store.errors import STORE_ERRORS
from common.store.refusals import find_refusal
from services.gateway.spool.spool import Batch, Spool
from services.gateway.spool.spool_file import encode
from services.gateway.spool.spooled_event import SpooledEvent
from services.gateway.store_availability import StoreAvailability, refuses_only_this

BUSY_S = 0.3
"""Pause between two rounds while the store is away or the spool holds events."""
IDLE_S = 5
"""Pause between two searches for files of dead gateways."""
AFTER_FAILURE_S = 5
BATCH = 100

log = get_logger(__name__)


class Replay:
    """Replays the spool. One event, or a probe when the spool is empty, tests whether a store that was away is back."""

    def __init__(self, ledger: Ledger, spool: Spool, store: StoreAvailability, clock: Clock) -> None:
        self.ledger = ledger
        self._bookings = ledger.bookings
        self.spool = spool
        self.store = store
        self.clock_sync = ClockSync(ledger.client, clock, by="gateway")
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Synchronize the clock, adopt files of dead gateways, then replay in the background until `stop`."""
        await self._calibrate()
        self.spool.adopt(self.spool.directory.orphans())
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        self._stopping.set()
        self.store.changed.set()
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                await self._run_once()
            except Exception:
                # A full disk, or a file of another user. Without this task no spooled event would reach the ledger.
                log.exception("spool_replay_failed")
                await self._wait(self._stopping, AFTER_FAILURE_S)

    async def _run_once(self) -> None:
        self.store.changed.clear()
        await self._drain()
        await self._calibrate()
        is_busy = self.store.is_away or self.spool.events > 0
        await self._wait(self._stopping if is_busy else self.store.changed, BUSY_S if is_busy else IDLE_S)
        if not is_busy:
            self.spool.adopt(await asyncio.to_thread(self.spool.directory.orphans))

    async def _wait(self, event: asyncio.Event, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            pass

    async def _calibrate(self) -> None:
        if self.store.is_away:
            return
        try:
            await self.clock_sync.sync()
        except STORE_ERRORS as error:
            self.store.record_failure(error)

    async def _drain(self) -> None:
        while not self._stopping.is_set():
            batch = self.spool.oldest(1 if self.store.is_away else BATCH)
            if batch is None and not self.store.is_away:
                return
            if not await (self._probe() if batch is None else self._replay(batch)):
                return
            self.store.record_answer()

    async def _probe(self) -> bool:
        try:
            return await find_refusal(self.ledger.client) is None
        except STORE_ERRORS:
            return False

    async def _replay(self, batch: Batch) -> bool:
        """
        Record the events of a batch. Return False when the store does not accept them now.

        The events have different owners, so their order does not matter and they share one pipeline.
        """
        errors = await asyncio.gather(*map(self._record, batch.events), return_exceptions=True)
        failed = [error for error in errors if isinstance(error, STORE_ERRORS) and not refuses_only_this(error)]
        if failed:
            self.store.record_failure(failed[0])
            return False
        for event, error in zip(batch.events, errors, strict=True):
            if error is not None:
                # An internal error, which waiting does not fix. It must not block the events behind it.
                log.error("spool_event_set_aside", kind=event.kind, enrollment_id=self._owner_id(event), exc_info=error)
                self.spool.directory.set_aside(encode(event))
        self.spool.settle(batch)
        log.info("spool_replayed", events=len(batch.events), left=self.spool.events)
        return True

    def _owner_id(self, event: SpooledEvent) -> str:
        """Return the owner for the log: an SMS is owned by a phone number, which is logged only as a hash."""
        return self.ledger.store.number_hash(event.enrollment_id) if event.kind == "sms" else event.enrollment_id

    async def _record(self, event: SpooledEvent) -> None:
        if event.kind == "unsubscribe":
            await self.ledger.enrollments.unsubscribe(
                event.enrollment_id, address_hash=event.payload["mark"], now_ms=event.received_ms
            )
        elif event.kind == "booking":
            await self._bookings.accept(event.booking(), webhook_id=event.id, notes=event.read_notes())
        elif event.kind == "unread_booking":
            await self.ledger.unread_bookings.keep(**event.payload, received_ms=event.received_ms)
        elif event.kind == "sms":
            await self.ledger.texts.receive(**event.payload, webhook_id=event.id, now_ms=event.received_ms)
        elif event.kind == "feedback":
            await self.ledger.feedback.record(event.feedback(), webhook_id=event.id)
        else:
            await self.ledger.signups.accept(
                event.assessment(),
                webhook_id=event.id,
                received_ms=event.received_ms,
                campaign=event.campaign,
                answer="closed" if event.is_closed else "accepted",
                answered_id=event.enrollment_id,
                notes=event.read_notes(),
                visitor=event.visitor,
            )
