"""A wall clock that a test sets while a process runs; the monotonic clock is unaffected, as on a real machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_FOLDERS = ("/usr/lib", "/usr/lib/*", "/usr/local/lib", "/opt/homebrew/lib")


def library() -> Path | None:
    found = (
        path for folder in _FOLDERS for path in sorted(Path("/").glob(f"{folder[1:]}/faketime/libfaketimeMT.so.1"))
    )
    return next(found, None)


needs_faketime = pytest.mark.skipif(
    library() is None, reason="libfaketime is not on this machine: apt-get install libfaketime"
)


class WrongClock:
    """A clock for any number of processes; it is right until it is set."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.set("+0")

    def set(self, ahead: str) -> None:
        """Set the offset: `+25h`, `-25h`, `+1y`; `+0` is right."""
        new = self._file.with_suffix(".new")
        new.write_text(ahead + "\n")
        new.replace(self._file)

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment variables of a process that uses this clock."""
        return {
            "LD_PRELOAD": str(library()),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    @contextmanager
    def inherited(self) -> Iterator[None]:
        """Make processes that are started in this context use this clock."""
        os.environ.update(self.environment)
        try:
            yield
        finally:
            for name in self.environment:
                del os.environ[name]
