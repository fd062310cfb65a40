"""Timestamps as providers and forms write them."""

from __future__ import annotations

from datetime import UTC, datetime

_EARLIEST, _LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


def read_timestamp_ms(value: object) -> int | None:
    """UTC milliseconds of `2026-12-04T19:00:00Z`, `…+00:00` or `….000Z`. Without an offset it is UTC."""
    if not isinstance(value, str) or not 16 <= len(value) <= 40:
        return None
    try:
        moment = datetime.fromisoformat(value)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        is_plausible = _EARLIEST <= moment < _LATEST
    except (ValueError, OverflowError):
        return None
    return round(moment.timestamp() * 1000) if is_plausible else None
