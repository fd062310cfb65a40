"""
Events kept on disk while the store is away, so that a verified event is never refused for our own trouble.

Requests that wait together are written and synced together. Each gateway process writes files of its own; one whose
process has died is adopted by the next gateway that looks. A file goes when the ledger has all of it: replaying twice
is harmless, because the ledger knows each event by its id.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass

from common.domain.ids import EnrollmentId
from common.observability import metrics
from common.observability.logs import get_logger
from services.gateway.events import Kept, Receipt
from services.gateway.problem import Unavailable
from services.gateway.spool_file import SpoolFile, decode, encode
from services.gateway.spool_folder import Folder

BYTES_MAX = 64 * 1024 * 1024
FILE_BYTES = 4 * 1024 * 1024

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Batch:
    """The oldest events of the spool, each of another person, and where the file continues after them."""

    file: SpoolFile
    events: tuple[Kept, ...]
    end: int


class Spool:
    """All kept events this process is in charge of, oldest file first. One event loop uses it."""

    def __init__(self, folder: Folder, *, bytes_max: int = BYTES_MAX) -> None:
        self.folder = folder
        self.bytes_max = bytes_max
        self._files: list[SpoolFile] = []
        self._active: SpoolFile | None = None
        self._receipts: dict[str, Receipt] = {}
        self._people: Counter[EnrollmentId] = Counter()
        self._writing: dict[str, asyncio.Future[bool]] = {}
        self._waiting: list[tuple[Kept, bytes]] = []
        self._waiting_bytes = 0
        self._writer: asyncio.Task[None] | None = None

    @property
    def events(self) -> int:
        return len(self._receipts)

    @property
    def size(self) -> int:
        """Bytes, on disk and on the way there."""
        return sum(file.size for file in self._files) + self._waiting_bytes

    @property
    def is_full(self) -> bool:
        return self.size >= self.bytes_max

    def __contains__(self, event_id: str) -> bool:
        return event_id in self._receipts

    def holds(self, event: Kept) -> bool:
        """This event, or an earlier one of the same person, is still to be replayed: it must queue behind."""
        return event.id in self._receipts or event.enrollment_id in self._people

    async def keep(self, event: Kept) -> Receipt:
        """
        Keep an event, or find it kept; on disk when this returns.

        Raises Unavailable when the spool is full or cannot be written.
        """
        if event.id not in self._receipts:
            self._admit(event)
        receipt = self._receipts[event.id]
        durable = self._writing.get(event.id)
        # Shielded: one client that leaves must not take the answer from the others who wait for it.
        if durable is not None and not await asyncio.shield(durable):
            raise Unavailable
        return receipt

    def rescue(self, files: list[tuple[SpoolFile, list[Kept]]]) -> None:
        """Be in charge of orphans, their repeated ids included."""
        for file, events in files:
            log.info("spool_adopted", file=file.path.name, events=len(events))
            self._files.append(file)
            for event in events:
                self._remember(event)

    def oldest(self, events_max: int) -> Batch | None:
        """What to replay next; None when all is done. Unreadable lines are set aside on the way."""
        for file in list(self._files):
            while not file.is_done:
                batch = self._batch(file, events_max)
                if batch.events:
                    return batch
                file.cursor = batch.end
            self._remove(file)
        return None

    def settle(self, batch: Batch) -> None:
        """The ledger has these."""
        batch.file.cursor = batch.end
        for event in batch.events:
            self._forget(event)
        self._remove(batch.file)

    async def close(self) -> None:
        """Finish writing; what is left is for the next gateway."""
        if self._writer is not None:
            await self._writer
        for file in self._files:
            file.close()
        self._files.clear()

    def _admit(self, event: Kept) -> None:
        line = encode(event)
        if self.size + len(line) > self.bytes_max:
            log.error("spool_full", bytes=self.size)
            raise Unavailable
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
            written = await asyncio.to_thread(self._write, lines)
            self._waiting_bytes -= len(lines)
            for event, _ in group:
                if not written:
                    self._forget(event)
                self._writing.pop(event.id).set_result(written)

    def _write(self, lines: bytes) -> bool:
        try:
            if self._active is None or self._active.is_broken or self._active.size >= FILE_BYTES:
                self._active = self.folder.create()
                self._files.append(self._active)
            self._active.append(lines)
        except OSError as error:
            log.error("spool_cannot_be_written", reason=error.strerror)
            return False
        return True

    def _batch(self, file: SpoolFile, events_max: int) -> Batch:
        events: dict[EnrollmentId, Kept] = {}
        end = file.cursor
        for line in file.lines():
            event = decode(line)
            if event is None:
                self._unreadable(file, line)
            elif event.enrollment_id in events or len(events) == events_max:
                break
            else:
                events[event.enrollment_id] = event
            end += len(line)
        return Batch(file, tuple(events.values()), end)

    def _unreadable(self, file: SpoolFile, line: bytes) -> None:
        if not line.endswith(b"\n"):
            log.warning("spool_torn_line", file=file.path.name)  # Nobody was told that it is kept.
            return
        log.error("spool_line_set_aside", file=file.path.name, reason="damaged")
        self.folder.set_aside(line)

    def _remember(self, event: Kept) -> None:
        self._receipts[event.id] = event.receipt()
        self._people[event.enrollment_id] += 1
        metrics.SPOOLED.set(self.events)

    def _forget(self, event: Kept) -> None:
        self._receipts.pop(event.id, None)
        self._people[event.enrollment_id] -= 1
        if self._people[event.enrollment_id] <= 0:
            del self._people[event.enrollment_id]
        metrics.SPOOLED.set(self.events)

    def _remove(self, file: SpoolFile) -> None:
        if not file.is_done or (file is self._active and self._writing):
            return
        if file is self._active:
            self._active = None
        self._files.remove(file)
        file.remove()
