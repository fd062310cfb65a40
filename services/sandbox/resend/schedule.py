"""`scheduled_at`: ISO 8601, or the little English that Resend documents (`in 1 min`), at most 30 days ahead."""

from __future__ import annotations

import re
from datetime import datetime

from services.sandbox.resend.errors import invalid

AHEAD_MAX_MS = 30 * 86_400_000
_IN = re.compile(r"in (\d+) ?(min|minute|hour|day)s?", re.IGNORECASE)
_UNIT_MS = {"min": 60_000, "minute": 60_000, "hour": 3_600_000, "day": 86_400_000}


def scheduled_ms(text: str | None, *, now_ms: int) -> int | None:
    """The instant asked for, or None for now. Raises the 422 for what cannot be read or lies too far ahead."""
    if not text:
        return None
    at_ms = _read(str(text), now_ms)
    if at_ms is None:
        raise invalid("Invalid `scheduled_at` field. Use ISO 8601 or natural language such as `in 1 min`.")
    if at_ms > now_ms + AHEAD_MAX_MS:
        raise invalid("The `scheduled_at` date must be within 30 days.")
    return at_ms


def _read(text: str, now_ms: int) -> int | None:
    natural = _IN.fullmatch(text.strip())
    if natural:
        return now_ms + int(natural.group(1)) * _UNIT_MS[natural.group(2).lower()]
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return int(at.timestamp() * 1_000) if at.tzinfo else None
