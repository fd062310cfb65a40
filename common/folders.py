"""A folder that cannot be used, as one line with its cure."""

from __future__ import annotations

import errno
from pathlib import Path

_FULL = (errno.ENOSPC, errno.EDQUOT)


def unusable(folder: Path, error: OSError, *, setting: str = "DATA_DIR") -> str:
    """`DATA_DIR: data cannot be used (Permission denied); set DATA_DIR to …`; a full disk is cured by room."""
    cure = f"make room there, or set {setting} to a folder on another disk"
    if error.errno not in _FULL:
        cure = f"set {setting} to a folder you can write to"
    return f"{setting}: {folder} cannot be used ({error.strerror}); {cure}"
