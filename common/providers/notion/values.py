"""Plain values ↔ Notion's property values, within Notion's limits (developers.notion.com/reference/request-limits)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from common.domain.projection import Value

TEXT_UNITS_MAX = 2_000
"""The most UTF-16 units in one rich text."""
EMAIL_LENGTH_MAX = 200
OPTION_UNITS_MAX = 100

COMPUTED = frozenset(
    {"button", "created_by", "created_time", "formula", "last_edited_by", "last_edited_time", "rollup", "unique_id"}
)
"""Types of properties whose values Notion computes."""


def encoded(kind: str, value: Value) -> dict[str, Any] | None:
    """Return a value as Notion's {`kind`: …}; None when Notion cannot hold it. A value of None empties the cell."""
    if kind in ("title", "rich_text"):
        return {kind: _rich_text(value)}
    if kind == "email" and isinstance(value, str) and len(value) > EMAIL_LENGTH_MAX:
        return None
    if kind == "select":
        return {kind: _option(value)}
    if kind == "date":
        return {kind: _date(value)}
    if kind == "checkbox":
        return {kind: bool(value)}
    return {kind: value}


def plain_value(kind: str, cell: Mapping[str, Any]) -> object:
    """Return a cell's value for comparison: the same for a cell that we encoded and for one that Notion returned."""
    content = cell.get(kind)
    if kind in ("title", "rich_text"):
        return "".join(str(part.get("plain_text") or part.get("text", {}).get("content", "")) for part in content or [])
    if kind in ("select", "status"):
        return content["name"] if content else None
    if kind == "date":
        return _moment(content["start"]) if content else None
    return content


def is_empty(kind: str, cell: Mapping[str, Any]) -> bool:
    value = plain_value(kind, cell)
    return value is None or value is False or value in ("", [], {})


def cut(text: str, units_max: int = TEXT_UNITS_MAX) -> str:
    """Return at most `units_max` UTF-16 units, as Notion counts; a character that would be cut in half is left out."""
    return text.encode("utf-16-le", "replace")[: 2 * units_max].decode("utf-16-le", "ignore")


def _rich_text(value: Value) -> list[dict[str, Any]]:
    text = cut(str(value)) if value is not None else ""
    return [{"type": "text", "text": {"content": text}}] if text else []


def _option(value: Value) -> dict[str, str] | None:
    # Notion refuses a comma in the name of an option.
    name = cut(str(value).replace(",", ";"), OPTION_UNITS_MAX) if value is not None else ""
    return {"name": name} if name else None


def _date(value: Value) -> dict[str, str] | None:
    if not isinstance(value, datetime):
        return None
    return {"start": value.astimezone(UTC).isoformat(timespec="milliseconds")}


def _moment(text: str) -> datetime:
    """Parse a date of Notion, which writes times in its own form, and days without a time."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
