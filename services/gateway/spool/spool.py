"""
Stores verified events on disk while the store is away, so that the gateway need not refuse any sender.

Events that wait together are written and synced together. Each gateway process writes its own files; another gateway
adopts the files of a dead process when it finds them. A file is removed when the ledger has all of its events.
Replaying an event twice is harmless, because the ledger recognizes it by its id.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass

from common.domain.ids import EnrollmentId
from common.observability import metrics
from common.observability.logs import get_logger
from services.gateway.spool.spool_directory import SpoolDirectory
from services.gateway.spool.spool_file import SpoolFile, decode, encode
from services.gateway.spool.spooled_event import Receipt, SpooledEvent
from services.web.problem import Problem

BYTES_MAX = 64 * 1024 * 1024
FILE_BYTES = 4 * 1024 * 1024

log = get_logger(__name__)


class SpoolUnavailable(Problem):
    """Neither the store nor the spool can store the event now (503): the sender must try again."""

    def __init__(self) -> None:
        detail = "the event cannot be stored now; try again"
        super().__init__(503, detail, outcome="refused", headers={"Retry-After": "5"})


@dataclass(frozen=True, slots=True)
class Batch:
    """The oldest events of the spool, each of a different owner. `end`: the offset in the file after them, in bytes."""

    file: SpoolFile
    events: tuple[SpooledEvent, ...]
    end: int


class Spool:
    """
    All spooled events of this process, oldest file first. Used from one event loop.

    `bytes_max`: the size on disk at which further events are refused.
    """

    def __init__(self, directory: SpoolDirectory, *, bytes_max: int = BYTES_MAX) -> None:
        self.directory = directory
        self.bytes_max = bytes_max
        self._files: list[SpoolFile] = []
        self._active: SpoolFile | None = None
        self._receipts: dict[str, Receipt] = {}
        self._by_owner: Counter[EnrollmentId] = Counter()
        self._writing: dict[str, asyncio.Future[bool]] = {}
        self._waiting: list[tuple[SpooledEvent, bytes]] = []
        self._waiting_bytes = 0
        self._writer: asyncio.Task[None] | None = None

    @property
    def events(self) -> int:
        """The number of events that wait for replay."""
        return len(self._receipts)

    @property
    def size(self) -> int:
        """Bytes on disk, and bytes that are about to be written."""
        return sum(file.size for file in self._files) + self._waiting_bytes

    @property
    def is_full(self) -> bool:
        return self.size >= self.bytes_max

    def __contains__(self, event_id: str) -> bool:
        return event_id in self._receipts

    def has_backlog_for(self, event: SpooledEvent) -> bool:
        """Return whether this event, or another of its owner, waits for replay. It must then be spooled too."""
        return event.id in self._receipts or event.enrollment_id in self._by_owner

    async def add(self, event: SpooledEvent) -> Receipt:
        """
        Write an event unless it is spooled already. It is on disk when this returns.

        Raises SpoolUnavailable when the spool is full or cannot be written.
        """
        if event.id not in self._receipts:
            self._admit(event)
        receipt = self._receipts[event.id]
        durable = self._writing.get(event.id)
        # Shielded: a client that disconnects must not cancel the write for the others that wait for it.
        if durable is not None and not await asyncio.shield(durable):
            raise SpoolUnavailable
        return receipt

    def adopt(self, files: list[tuple[SpoolFile, list[SpooledEvent]]]) -> None:
        """Take over files of dead gateways, including the ids by which repeated events are recognized."""
        for file, events in files:
            log.info("spool_adopted", file=file.path.name, events=len(events))
            self._files.append(file)
            for event in events:
                self._remember(event)

    def oldest(self, events_max: int) -> Batch | None:
        """Return the events to replay next; None when there are none. Unreadable lines before them are set aside."""
        for file in list(self._files):
            while not file.is_done:
                batch = self._batch(file, events_max)
                if batch.events:
                    return batch
                file.cursor = batch.end
            self._remove(file)
        return None

    def settle(self, batch: Batch) -> None:
        """Remove these events from the spool, because the ledger has them."""
        batch.file.cursor = batch.end
        for event in batch.events:
            self._forget(event)
        self._remove(batch.file)

    async def close(self) -> None:
        """Finish writing. The next gateway adopts what is left."""
        if self._writer is not None:
            await self._writer
        for file in self._files:
            file.close()
        self._files.clear()

    def _admit(self, event: SpooledEvent) -> None:
        line = encode(event)
        if self.size + len(line) > self.bytes_max:
            log.error("spool_full", bytes=self.size)
            raise SpoolUnavailable
        self._remember(event)
        self._writing[event.id] = asyncio.get_running_loop().create_future()
        self._waiting.append((event, line))
        self._waiting_bytes += len(line)
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_all())

    async def _write_all(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting, []
            lines = b"".join(line for _, line in group)
            is_written = await asyncio.to_thread(self._write, lines)
            self._waiting_bytes -= len(lines)
            for event, _ in group:
                if not is_written:
                    self._forget(event)
                self._writing.pop(event.id).set_result(is_written)

    def _write(self, lines: bytes) -> bool:
        try:
            if self._active is None or self._active.is_broken or self._active.size >= FILE_BYTES:
                self._active = self.directory.create_file()
                self._files.append(self._active)
            self._active.append(lines)
        except OSError as error:
            log.error("spool_cannot_be_written", reason=error.strerror)
            return False
        return True

    def _batch(self, file: SpoolFile, events_max: int) -> Batch:
        events: dict[EnrollmentId, SpooledEvent] = {}
        end = file.cursor
        for line in file.lines():
            event = decode(line)
            if event is None:
                self._set_aside(file, line)
            elif event.enrollment_id in events or len(events) == events_max:
                break
            else:
                events[event.enrollment_id] = event
            end += len(line)
        return Batch(file, tuple(events.values()), end)

    def _set_aside(self, file: SpoolFile, line: bytes) -> None:
        if not line.endswith(b"\n"):
            log.warning("spool_torn_line", file=file.path.name)  # Its write did not finish, so no sender got a 202.
            return
        log.error("spool_line_set_aside", file=file.path.name, reason="damaged")
        self.directory.set_aside(line)

    def _remember(self, event: SpooledEvent) -> None:
        self._receipts[event.id] = event.receipt()
        self._by_owner[event.enrollment_id] += 1
        metrics.SPOOLED.set(self.events)

    def _forget(self, event: SpooledEvent) -> None:
        self._receipts.pop(event.id, None)
        self._by_owner[event.enrollment_id] -= 1
        if self._by_owner[event.enrollment_id] <= 0:
            del self._by_owner[event.enrollment_id]
        metrics.SPOOLED.set(self.events)

    def _remove(self, file: SpoolFile) -> None:
        if not file.is_done or (file is self._active and self._writing):
            return
        if file is self._active:
            self._active = None
        self._files.remove(file)
        file.remove()
