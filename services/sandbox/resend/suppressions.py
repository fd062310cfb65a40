"""The account's suppression list: added to by hand, by hard bounces and by complaints."""

from __future__ import annotations

import sqlite3
from typing import Any

from common.clock import iso
from services.sandbox.disk import Disk
from services.sandbox.ids import new_id


class Suppressions:
    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    def add(self, email: str, origin: str, *, now_ms: int, source_id: str | None = None) -> str:
        """The id of the suppression of this address, new or known. `origin`: bounce, complaint or manual."""
        self._disk.run(
            "INSERT INTO suppressions (id, email, origin, source_id, created_ms) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT DO NOTHING",
            new_id(), email.lower(), origin, source_id, now_ms,
        )  # fmt: skip
        found = self.find(email)
        assert found is not None
        return str(found["id"])

    def find(self, id_or_email: str) -> dict[str, Any] | None:
        row = self._disk.row("SELECT * FROM suppressions WHERE id = ? OR email = ?", id_or_email, id_or_email.lower())
        return None if row is None else _shape(row)

    def newest(self, limit: int, older_than: str | None = None) -> tuple[list[dict[str, Any]], bool]:
        """One page and whether there are more."""
        rows = self._disk.rows(
            "SELECT * FROM suppressions WHERE seq < coalesce((SELECT seq FROM suppressions WHERE id = ?), 1 << 62)"
            " ORDER BY seq DESC LIMIT ?",
            older_than, limit + 1,
        )  # fmt: skip
        return [_shape(row) for row in rows[:limit]], len(rows) > limit

    def remove(self, id_or_email: str) -> str | None:
        """The id of what was removed, or None."""
        found = self.find(id_or_email)
        if found is None:
            return None
        self._disk.run("DELETE FROM suppressions WHERE id = ?", found["id"])
        return str(found["id"])


def _shape(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "object": "suppression",
        "id": row["id"],
        "email": row["email"],
        "origin": row["origin"],
        "source_id": row["source_id"],
        "created_at": iso(row["created_ms"]),
    }
