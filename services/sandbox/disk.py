"""
The sandbox's storage: one SQLite file, written before each response.

With WAL and synchronous=NORMAL, a commit survives `kill -9` of this process. Only a power failure can lose the latest
commits, which is acceptable: the sandbox holds no real data.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SCHEMA = """
CREATE TABLE IF NOT EXISTS kept (name TEXT PRIMARY KEY, body TEXT NOT NULL);

CREATE TABLE IF NOT EXISTS mails (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, created_ms INTEGER NOT NULL,
  recipients TEXT NOT NULL, recipient_count INTEGER NOT NULL, subject TEXT NOT NULL, idempotency_key TEXT,
  sha256 TEXT NOT NULL, last_event TEXT NOT NULL, scheduled_ms INTEGER, payload TEXT NOT NULL,
  request_headers TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS mails_by_time ON mails (created_ms);
CREATE TABLE IF NOT EXISTS answers (
  key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, body TEXT NOT NULL, at_ms INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS outcomes (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, mail_id TEXT NOT NULL, due_ms INTEGER NOT NULL, event TEXT NOT NULL,
  detail TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS outcomes_by_due ON outcomes (due_ms);
CREATE TABLE IF NOT EXISTS hooks (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, due_ms INTEGER NOT NULL, attempts INTEGER NOT NULL,
  body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS suppressions (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, email TEXT NOT NULL UNIQUE, origin TEXT NOT NULL,
  source_id TEXT, created_ms INTEGER NOT NULL);

CREATE TABLE IF NOT EXISTS texts (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, sid TEXT NOT NULL UNIQUE, created_ms INTEGER NOT NULL, direction TEXT NOT NULL,
  recipient TEXT NOT NULL, sender TEXT NOT NULL, body TEXT NOT NULL, status TEXT NOT NULL, error_code INTEGER,
  callback TEXT NOT NULL, validity_s INTEGER NOT NULL);

CREATE TABLE IF NOT EXISTS notion_databases (id TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS notion_sources (id TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS calcom_bookings (seq INTEGER PRIMARY KEY, uid TEXT NOT NULL UNIQUE, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS notion_pages (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, body TEXT NOT NULL);
"""


def _make_private(file: Path) -> None:
    """
    Restrict the file and its folder to their owner, because the file contains mails.

    This includes files that an earlier version created. SQLite gives its other files the same permissions.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    file.parent.chmod(0o700)
    file.touch(mode=0o600)
    for each in file.parent.glob(f"{file.name}*"):
        each.chmod(0o600)


class Disk:
    """One SQLite connection, used only by the event loop's thread. Commits take microseconds and order all writes."""

    def __init__(self, path: Path | None) -> None:
        """Open or create the file. None: store everything in memory, for tests that do not restart."""
        if path is not None:
            _make_private(path)
        self._connection = sqlite3.connect(path or ":memory:", isolation_level=None, timeout=5)
        self._connection.row_factory = sqlite3.Row
        # A cache of 256 KiB instead of 2 MiB is enough, because the operating system caches the file as well.
        self._connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-256;")
        self._connection.executescript(SCHEMA)

    def run(self, sql: str, *arguments: Any) -> int:
        """Run one statement and return the number of changed rows. It commits, unless inside a `transaction`."""
        return self._connection.execute(sql, arguments).rowcount

    def rows(self, sql: str, *arguments: Any) -> list[sqlite3.Row]:
        return self._connection.execute(sql, arguments).fetchall()

    def row(self, sql: str, *arguments: Any) -> sqlite3.Row | None:
        found: sqlite3.Row | None = self._connection.execute(sql, arguments).fetchone()
        return found

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit all statements of the block, or none if it raises. It must not await: transactions cannot overlap."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def save(self, name: str, body: str) -> None:
        self.run("INSERT INTO kept VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET body = excluded.body", name, body)

    def load(self, name: str) -> str | None:
        found = self.row("SELECT body FROM kept WHERE name = ?", name)
        return None if found is None else str(found["body"])

    def close(self) -> None:
        self._connection.close()
