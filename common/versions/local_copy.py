"""
A copy of the version in force, stored in DATA_DIR by each process that plays it.

A gateway starts with this copy while the store is away, and an empty store receives it again.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import structlog

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredVersion:
    """A stored copy. `version`: the name of the version. `compiled`: the campaign as JSON."""

    version: str
    compiled: str


class LocalCopies:
    """`<DATA_DIR>/campaigns/<campaign>.json`, one file for each campaign."""

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / "campaigns"

    def read(self, campaign: str) -> StoredVersion | None:
        """Return the copy of a campaign, or None if there is none or it cannot be read."""
        file = self._file(campaign)
        try:
            return StoredVersion(**json.loads(file.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError):
            log.warning(
                "campaign_copy_unreadable", file=str(file), cure="delete it; the store has the version in force"
            )
            return None

    def write(self, campaign: str, stored: StoredVersion) -> None:
        """Store a copy atomically. If the folder cannot be written, only the copy is missing."""
        if self.read(campaign) == stored:
            return
        file = self._file(campaign)
        part = file.with_suffix(f".{os.getpid()}")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            part.write_text(json.dumps(asdict(stored), ensure_ascii=False), encoding="utf-8")
            part.replace(file)
        except OSError as error:
            log.warning("campaign_copy_not_kept", file=str(file), reason=error.strerror)

    def _file(self, campaign: str) -> Path:
        return self._folder / f"{campaign}.json"
