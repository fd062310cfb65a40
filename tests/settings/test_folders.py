"""A folder that cannot be used is reported in one line, with the right cure."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path

import pytest

from common.path_errors import path_error_text


def full_database() -> sqlite3.OperationalError:
    with sqlite3.connect(":memory:") as database:
        database.execute("PRAGMA max_page_count = 2")
        database.execute("CREATE TABLE t (x)")
        with pytest.raises(sqlite3.OperationalError) as raised:
            database.execute("INSERT INTO t VALUES (zeroblob(10000))")
    return raised.value


def os_error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


@pytest.mark.parametrize("error", [os_error(errno.ENOSPC), os_error(errno.EDQUOT), full_database()], ids=str)
def test_error_about_a_full_disk_asks_for_space(error: Exception) -> None:
    assert path_error_text(Path("data"), error).endswith(
        "; make room there, or set DATA_DIR to a folder on another disk"
    )


@pytest.mark.parametrize("error", [os_error(errno.EACCES), sqlite3.OperationalError("unable to open")], ids=str)
def test_error_about_an_unwritable_folder_asks_for_another_folder(error: Exception) -> None:
    reason = error.strerror if isinstance(error, OSError) else "unable to open"
    said = f"--into: data cannot be used ({reason}); set --into to a folder you can write to"

    assert path_error_text(Path("data"), error, setting="--into") == said
