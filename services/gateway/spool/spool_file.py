"""
One file of the spool: one event per line, synced to disk before the gateway responds.

    {"crc32":"9f2c01aa","event":{"kind":"signup","id":"signup:msg_1",…}}

A line whose checksum is wrong was being written during a power failure, so its sender got no response. The process that
writes a file holds a lock (flock) on it as long as it runs; an unlocked file belongs to a dead process.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import zlib
from pathlib import Path

from common.observability.logs import get_logger
from services.gateway.spool.spooled_event import SpooledEvent

log = get_logger(__name__)

PATTERN = "events-*.jsonl"
READ_BYTES = 256 * 1024
_HEAD = len('{"crc32":"00000000","event":')
_OPEN = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC


def encode(event: SpooledEvent) -> bytes:
    """Return the line of an event, with its line break."""
    body = json.dumps(event.to_fields(), separators=(",", ":")).encode()
    return b'{"crc32":"%08x","event":%b}\n' % (zlib.crc32(body), body)


def decode(line: bytes) -> SpooledEvent | None:
    """Return the event of a line; None when the line is damaged."""
    body = line[_HEAD:-2]
    if line[:_HEAD] != b'{"crc32":"%08x","event":' % zlib.crc32(body) or line[-2:] != b"}\n":
        return None
    try:
        return SpooledEvent.from_fields(json.loads(body))
    except (TypeError, ValueError):
        return None


class SpoolFile:
    """
    An open, locked file.

    `size`: how many bytes are known to be on disk. `cursor`: the offset up to which the ledger has the events.
    `is_broken`: an append failed and could not be undone, so no further event may be appended.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.size = os.fstat(descriptor).st_size
        self.cursor = 0
        self.is_broken = False
        self._descriptor = descriptor

    @classmethod
    def create(cls, directory: Path) -> SpoolFile:
        """Create an empty, locked file of this process. Raises OSError."""
        while True:
            path = directory / f"events-{os.getpid()}-{secrets.token_hex(4)}.jsonl"
            descriptor = os.open(path, _OPEN | os.O_CREAT | os.O_EXCL, 0o600)
            if _lock(descriptor):
                break
            os.close(descriptor)  # Another gateway adopted it between the two calls.
        # Syncing the file does not sync its directory entry, without which the file is lost.
        for parent in (directory, directory.parent):
            _sync(parent)
        return cls(path, descriptor)

    @classmethod
    def adopt(cls, path: Path) -> SpoolFile | None:
        """Lock the file of a dead gateway and return it; None when its gateway runs, or it is gone or unreadable."""
        try:
            descriptor = os.open(path, _OPEN)
        except FileNotFoundError:
            return None
        except OSError as error:
            # It belongs to another user, or is a directory. The other files must not wait for it.
            log.error("spool_file_unreadable", file=path.name, reason=error.strerror)
            return None
        if _lock(descriptor):
            return cls(path, descriptor)
        os.close(descriptor)
        return None

    def append(self, lines: bytes) -> None:
        """Write and sync. On OSError the file is unchanged. Waits for the disk: call it in a thread."""
        try:
            rest = memoryview(lines)
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
            os.fsync(self._descriptor)
        except OSError:
            self._truncate()
            raise
        self.size += len(lines)

    def lines(self) -> list[bytes]:
        """Return the lines after the cursor: up to READ_BYTES, or one longer line. The last may be incomplete."""
        wanted = READ_BYTES
        while True:
            chunk = os.pread(self._descriptor, min(wanted, self.size - self.cursor), self.cursor)
            if chunk.endswith(b"\n") or len(chunk) < wanted:
                return chunk.splitlines(keepends=True)
            if b"\n" in chunk:
                return chunk[: chunk.rindex(b"\n") + 1].splitlines(keepends=True)
            wanted *= 2

    @property
    def is_done(self) -> bool:
        return self.cursor >= self.size

    def remove(self) -> None:
        """Delete the file."""
        self.path.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Release the lock: another gateway may adopt the file."""
        os.close(self._descriptor)

    def _truncate(self) -> None:
        try:
            os.ftruncate(self._descriptor, self.size)
        except OSError:
            self.is_broken = True


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return os.fstat(descriptor).st_nlink > 0


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
