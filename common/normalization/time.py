"""Timestamps and time zones as providers, forms, browsers and Windows write them."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime
from functools import cache

from babel.core import get_global

from common.normalization.text import visible

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


def read_timezone(value: object) -> str | None:
    """The IANA name: of any case, a backward link or a Windows name (CLDR `windowsZones`); None for anything else."""
    return _zone_by_name().get(visible(value).casefold()) if isinstance(value, str) else None


def zone_names() -> frozenset[str]:
    """Every IANA name, as `read_timezone` returns them."""
    return frozenset(_zone_by_name().values())


@cache
def _zone_by_name() -> dict[str, str]:
    """Case-folded name → IANA name. The first call reads the disk: make it before the first request."""
    # `localtime` is the machine's own setting and no zone of IANA: elsewhere it would be another hour.
    iana = zoneinfo.available_timezones() - {"localtime", "Factory"}
    windows = {name: zone for name, zone in get_global("windows_zone_mapping").items() if zone in iana}
    return {name.casefold(): zone for name, zone in windows.items()} | {name.casefold(): name for name in iana}
