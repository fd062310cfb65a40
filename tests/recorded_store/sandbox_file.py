"""The sandbox's database as SQL text, without the bodies of mails: the sandbox recognizes repetitions by digest."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

_BODIES = ("html", "text")
_CUT = "(cut)"


def dump(database: Path) -> str:
    """Return the SQL statements that recreate the database."""
    with sqlite3.connect(database) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
        for seq, payload in connection.execute("SELECT seq, payload FROM mails").fetchall():
            mail = json.loads(payload) | dict.fromkeys(_BODIES, _CUT)
            text = json.dumps(mail, ensure_ascii=False, separators=(",", ":"))
            connection.execute("UPDATE mails SET payload = ?, request_headers = '{}' WHERE seq = ?", (text, seq))
        connection.commit()
        return "\n".join(connection.iterdump()) + "\n"


def load(database: Path, statements: str, *, answered_ms: int) -> None:
    """Recreate the database; `answered_ms` replaces the time at which each idempotency key was used."""
    database.parent.mkdir(parents=True, exist_ok=True)
    with sqlite3.connect(database) as connection:
        connection.executescript(statements)
        connection.execute("UPDATE answers SET at_ms = ?", (answered_ms,))
