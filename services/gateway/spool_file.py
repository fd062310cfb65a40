"""
One file of the spool: a line an event, on disk before anybody is told so.

    {"crc32":"9f2c01aa","event":{"kind":"signup","id":"signup:msg_1",…}}

A line whose sum does not fit was being written when the power went: nobody was told that it is kept. The file is locked
(flock) by the gateway that writes it for as long as that process lives, so an unlocked one is an orphan.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import zlib
from dataclasses import asdict
from pathlib import Path

from common.observability.logs import get_logger
from services.gateway.events import Kept

log = get_logger(__name__)

PATTERN = "events-*.jsonl"
READ_BYTES = 256 * 1024
_HEAD = len('{"crc32":"00000000","event":')
_OPEN = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC


def encode(event: Kept) -> bytes:
    """The line of an event, its line break included."""
    body = json.dumps(asdict(event), separators=(",", ":")).encode()
    return b'{"crc32":"%08x","event":%b}\n' % (zlib.crc32(body), body)


def decode(line: bytes) -> Kept | None:
    """The event of a line, or None when the line is not as it was written."""
    body = line[_HEAD:-2]
    if line[:_HEAD] != b'{"crc32":"%08x","event":' % zlib.crc32(body) or line[-2:] != b"}\n":
        return None
    try:
        return Kept.from_fields(json.loads(body))
    except (TypeError, ValueError):
        return None


class SpoolFile:
    """`size`: bytes known to be on disk. `cursor`: bytes that the ledger has. `is_broken`: append no more to it."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.size = os.fstat(descriptor).st_size
        self.cursor = 0
        self.is_broken = False
        self._descriptor = descriptor

    @classmethod
    def create(cls, directory: Path) -> SpoolFile:
        """A new, empty file of this process. Raises OSError."""
        while True:
            path = directory / f"events-{os.getpid()}-{secrets.token_hex(4)}.jsonl"
            descriptor = os.open(path, _OPEN | os.O_CREAT | os.O_EXCL, 0o600)
            if _is_ours(descriptor):
                break
            os.close(descriptor)  # Another gateway took it for an orphan in between.
        # A file is lost with its folder's entry, however well it is synced itself.
        for folder in (directory, directory.parent):
            _sync(folder)
        return cls(path, descriptor)

    @classmethod
    def adopt(cls, path: Path) -> SpoolFile | None:
        """A file whose gateway is gone; None when it lives, or the file has gone meanwhile."""
        try:
            descriptor = os.open(path, _OPEN)
        except FileNotFoundError:
            return None
        except OSError as error:
            # Of another user, or no file at all: what else is kept must not wait for it.
            log.error("spool_file_unreadable", file=path.name, reason=error.strerror)
            return None
        if _is_ours(descriptor):
            return cls(path, descriptor)
        os.close(descriptor)
        return None

    def append(self, lines: bytes) -> None:
        """Write and sync; on OSError the file is as it was. Blocks for a disk's time: call it in a thread."""
        try:
            rest = memoryview(lines)
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
            os.fsync(self._descriptor)
        except OSError:
            self._cut_back()
            raise
        self.size += len(lines)

    def lines(self) -> list[bytes]:
        """The next complete lines after the cursor, READ_BYTES or one line of them; a torn rest counts as a line."""
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
        self.path.unlink(missing_ok=True)
        self.close()

    def _cut_back(self) -> None:
        try:
            os.ftruncate(self._descriptor, self.size)
        except OSError:
            self.is_broken = True

    def close(self) -> None:
        """Give it up: another gateway may adopt it."""
        os.close(self._descriptor)


def _is_ours(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return os.fstat(descriptor).st_nlink > 0


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
