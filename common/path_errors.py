"""Error messages for a directory that cannot be used, each one line with the cure."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

_FULL = (errno.ENOSPC, errno.EDQUOT)


def path_error_text(folder: Path, error: Exception, *, setting: str = "DATA_DIR") -> str:
    """Return `DATA_DIR: data cannot be used (Permission denied); set DATA_DIR to …`. For a full disk: make room."""
    cure = f"make room there, or set {setting} to a folder on another disk"
    if not _is_full(error):
        cure = f"set {setting} to a folder you can write to"
    reason = getattr(error, "strerror", None) or error
    return f"{setting}: {folder} cannot be used ({reason}); {cure}"


def _is_full(error: Exception) -> bool:
    return getattr(error, "errno", None) in _FULL or getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
