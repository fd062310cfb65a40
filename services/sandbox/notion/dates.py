"""
Dates in Notion's format: a day (`2026-11-24`), or a time, which is returned with milliseconds and an offset.

Programs must compare parsed times: `…T09:09:00Z` comes back as `…T09:09:00.000+00:00`.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from services.sandbox.notion.errors import UNDEFINED, misshapen

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def read_date(value: Any, path: str, *, to_the_minute: bool = False) -> dict[str, Any] | None:
    """Return a date value of a request, normalized: `{"start", "end", "time_zone"}`, or None for an empty cell."""
    if value is None:
        return None
    if not isinstance(value, dict):
        raise misshapen(path, "an object or `null`", value)
    zone = _zone(value.get("time_zone"), f"{path}.time_zone")
    start = _formatted(value.get("start", UNDEFINED), f"{path}.start", zone, to_the_minute)
    end = None if value.get("end") is None else _formatted(value["end"], f"{path}.end", zone, to_the_minute)
    return {"start": start, "end": end, "time_zone": value.get("time_zone")}


def span(text: str) -> tuple[datetime, datetime]:
    """Return the half-open interval of a date: a whole UTC day, or an empty interval for a time."""
    if _DAY.fullmatch(text):
        start = datetime.combine(date.fromisoformat(text), time(), UTC)
        return start, start + timedelta(days=1)
    at = datetime.fromisoformat(text)
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return at, at


def is_date(text: Any) -> bool:
    if not isinstance(text, str):
        return False
    try:
        span(text)
    except ValueError:
        return False
    return True


def _formatted(text: Any, path: str, zone: ZoneInfo | None, to_the_minute: bool) -> str:
    if text is UNDEFINED:
        raise misshapen(path, "defined", text)
    if not is_date(text):
        raise misshapen(path, "a valid ISO 8601 date string", text)
    if _DAY.fullmatch(text):
        return str(text)
    at = datetime.fromisoformat(text)
    at = at if at.tzinfo else at.replace(tzinfo=zone or UTC)
    if to_the_minute:
        at = at.replace(second=0, microsecond=0)
    return at.isoformat(timespec="milliseconds")


def _zone(name: Any, path: str) -> ZoneInfo | None:
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, TypeError) as problem:
        raise misshapen(path, "a valid IANA time zone", name) from problem
