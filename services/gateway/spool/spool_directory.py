"""The directory of the spool: new files, files of dead gateways, and lines that cannot be replayed."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from services.gateway.spool.spool_file import PATTERN, SpoolFile, decode
from services.gateway.spool.spooled_event import SpooledEvent

SET_ASIDE = "set-aside.jsonl"


@dataclass(frozen=True, slots=True)
class SpoolDirectory:
    """The files of the spool. Every method waits for the disk: call it in a thread once requests are served."""

    path: Path

    def create_file(self) -> SpoolFile:
        """Create an empty file of this process. Raises OSError."""
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        return SpoolFile.create(self.path)

    def orphans(self) -> list[tuple[SpoolFile, list[SpooledEvent]]]:
        """Lock the files of dead gateways. Return them, oldest first, each with its readable events."""
        files = map(SpoolFile.adopt, sorted(self.path.glob(PATTERN), key=_modified_s))
        return [(file, _events(file)) for file in files if file is not None]

    def set_aside(self, line: bytes) -> None:
        """Store a line that cannot be replayed in the file SET_ASIDE, for a person to examine."""
        with (self.path / SET_ASIDE).open("ab") as file:
            file.write(line.rstrip(b"\n") + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def why_unwritable(self) -> str | None:
        """Return why nothing can be written here now; None when a test file could be written."""
        test_file = self.path / f"probe-{os.getpid()}"
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            test_file.write_bytes(bytes(4096))
            test_file.unlink()
        except OSError as error:
            return error.strerror or type(error).__name__
        return None


def _events(file: SpoolFile) -> list[SpooledEvent]:
    events = []
    while lines := file.lines():
        events += [event for event in map(decode, lines) if event is not None]
        file.cursor += sum(map(len, lines))
    file.cursor = 0
    return events


def _modified_s(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
