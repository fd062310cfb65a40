"""Reads requests as Resend does: the JSON body, the page of a list, the time of a scheduled mail."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiohttp import web

from services.sandbox.resend.errors import ResendProblem, invalid
from services.sandbox.strict_json import parse_json

PAGE_SIZE_DEFAULT = 10
PAGE_SIZE_MAX = 100
AHEAD_MAX_MS = 30 * 86_400_000
_IN = re.compile(r"in (\d+) ?(min|minute|hour|day)s?", re.IGNORECASE)
_UNIT_MS = {"min": 60_000, "minute": 60_000, "hour": 3_600_000, "day": 86_400_000}


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a list, newest first: at most `limit` entries, older than id `after` or newer than id `before`."""

    limit: int
    after: str | None
    before: str | None


async def read_json(request: web.Request) -> Any:
    """Return the value of the body. Raises ResendProblem (400) if it is not JSON."""
    try:
        return parse_json(await request.read())
    except (ValueError, RecursionError) as error:
        raise ResendProblem(400, "validation_error", "The request body must be valid JSON.") from error


def read_page(query: Mapping[str, str]) -> Page:
    """Return the requested page. Raises ResendProblem (422), as Resend does, if it is not valid."""
    text = query.get("limit", str(PAGE_SIZE_DEFAULT))
    limit = int(text) if text.isdecimal() else 0
    if not 1 <= limit <= PAGE_SIZE_MAX:
        raise invalid("The pagination limit must be a number between 1 and 100.")
    after, before = query.get("after"), query.get("before")
    if after and before:
        raise invalid("You can only use either `after` or `before`, not both.")
    return Page(limit, after, before)


def scheduled_ms(text: str | None, *, now_ms: int) -> int | None:
    """
    Return the time in ISO 8601 or in the English that Resend documents (`in 1 min`); None: now.

    Raises ResendProblem (422) for any other text, and for a time more than 30 days ahead.
    """
    if not text:
        return None
    at_ms = _read_time(str(text), now_ms)
    if at_ms is None:
        raise invalid("Invalid `scheduled_at` field. Use ISO 8601 or natural language such as `in 1 min`.")
    if at_ms > now_ms + AHEAD_MAX_MS:
        raise invalid("The `scheduled_at` date must be within 30 days.")
    return at_ms


def _read_time(text: str, now_ms: int) -> int | None:
    relative = _IN.fullmatch(text.strip())
    if relative:
        return now_ms + int(relative.group(1)) * _UNIT_MS[relative.group(2).lower()]
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return int(time.timestamp() * 1_000) if time.tzinfo else None
