"""The two databases as an operator would have created them before the first signup."""

from __future__ import annotations

from services.sandbox.ids import (
    CONTACT_DATA_SOURCE_ID,
    CONTACT_DATABASE_ID,
    SEQUENCE_DATA_SOURCE_ID,
    SEQUENCE_DATABASE_ID,
)
from services.sandbox.notion.columns import make_column
from services.sandbox.notion.records import Column, Database, Source

Options = tuple[tuple[str, str], ...]
"""(name, colour) of each option."""

SEGMENTS: Options = (("CRITICAL", "red"), ("URGENT", "orange"), ("OPTIMIZE", "green"))
CAMPAIGN_STATUS: Options = (("Nurture Sequence", "blue"), ("Pre-Call Prep", "purple"))
BOOKING_STATUS: Options = (
    ("Not Booked", "gray"),
    ("Booked", "green"),
    ("Completed", "blue"),
    ("No-Show", "red"),
    ("Unmarked", "yellow"),
)

SEQUENCE_COLUMNS: tuple[tuple[str, str, Options], ...] = (
    ("Name", "title", ()),
    ("Email", "email", ()),
    ("First Name", "rich_text", ()),
    ("Business Name", "rich_text", ()),
    ("Assessment Score", "number", ()),
    ("Red Systems", "number", ()),
    ("Orange Systems", "number", ()),
    ("Yellow Systems", "number", ()),
    ("Green Systems", "number", ()),
    ("Campaign", "select", ()),
    ("Segment", "select", SEGMENTS),
    ("Signup Date", "date", ()),
    *((f"Email {number} Sent", "date", ()) for number in range(1, 8)),
    ("Assessment Completed", "checkbox", ()),
    ("Sequence Completed", "checkbox", ()),
)

CONTACT_COLUMNS: tuple[tuple[str, str, Options], ...] = (
    ("Name", "title", ()),
    ("email", "email", ()),
    ("Assessment Score", "number", ()),
    ("Segment", "select", SEGMENTS),
    ("Christmas Campaign Status", "select", CAMPAIGN_STATUS),
    ("Booking Status", "select", BOOKING_STATUS),
    ("Diagnostic Call Date", "date", ()),
)


def initial_databases(now_ms: int) -> list[tuple[Database, Source]]:
    return [
        _database(SEQUENCE_DATABASE_ID, SEQUENCE_DATA_SOURCE_ID, "Email Sequence", SEQUENCE_COLUMNS, now_ms),
        _database(CONTACT_DATABASE_ID, CONTACT_DATA_SOURCE_ID, "BusinessX Canada", CONTACT_COLUMNS, now_ms),
    ]


def _database(
    database_id: str, source_id: str, title: str, columns: tuple[tuple[str, str, Options], ...], now_ms: int
) -> tuple[Database, Source]:
    created: list[Column] = [make_column(source_id, *column) for column in columns]
    source = Source(
        id=source_id, database_id=database_id, title=title, created_ms=now_ms, edited_ms=now_ms, columns=tuple(created)
    )
    return Database(id=database_id, title=title, created_ms=now_ms), source
