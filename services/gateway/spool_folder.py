"""The spool's folder: what lies in it besides this process's own files."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from services.gateway.events import Kept
from services.gateway.spool_file import PATTERN, SpoolFile, decode

ASIDE = "set-aside.jsonl"


@dataclass(frozen=True, slots=True)
class Folder:
    """All of this blocks for a disk's time: call it in a thread where requests wait."""

    path: Path

    def create(self) -> SpoolFile:
        """A new, empty file of this process. Raises OSError."""
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        return SpoolFile.create(self.path)

    def orphans(self) -> list[tuple[SpoolFile, list[Kept]]]:
        """Take over the files of gateways that are gone, oldest first, each with its readable events."""
        files = map(SpoolFile.adopt, sorted(self.path.glob(PATTERN), key=_age))
        return [(file, _readable(file)) for file in files if file is not None]

    def set_aside(self, line: bytes) -> None:
        """Keep a line that cannot be replayed where a person finds it."""
        with (self.path / ASIDE).open("ab") as file:
            file.write(line.rstrip(b"\n") + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def trouble(self) -> str | None:
        """Why nothing could be written here now; None when a file just was."""
        probe = self.path / f"probe-{os.getpid()}"
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            probe.write_bytes(bytes(4096))
            probe.unlink()
        except OSError as error:
            return error.strerror or type(error).__name__
        return None


def _readable(file: SpoolFile) -> list[Kept]:
    events = []
    while lines := file.lines():
        events += [event for event in map(decode, lines) if event is not None]
        file.cursor += sum(map(len, lines))
    file.cursor = 0
    return events


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
