"""The file DATA_DIR/witness.json: the newest generation and mark of the store seen by processes with this DATA_DIR."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from common.domain.store_generation import Memory

NAME = "witness.json"


class WitnessFile:
    """The file, readable by its owner only. If the folder cannot be used, there is no witness."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / NAME

    def read(self) -> Memory | None:
        try:
            return Memory.from_json(self._path.read_text())
        except (OSError, UnicodeDecodeError):
            return None

    def write(self, memory: Memory) -> bool:
        """Replace the file atomically. Return False if the folder cannot be written."""
        try:
            descriptor, name = tempfile.mkstemp(dir=self._path.parent, prefix=f".{NAME}-")
        except OSError:
            return False
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(memory.to_json() + "\n")
            os.replace(name, self._path)
        except OSError:
            Path(name).unlink(missing_ok=True)
            return False
        return True
