"""An instant as a person reads it on their own clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def local_time(start: datetime, timezone: str | None) -> str:
    """
    `9:00 a.m. on Thursday, December 4 (Toronto time)`; in UTC when the zone is unknown.

    Raises ValueError for a naive instant. Names of days and months are ours: `strftime` follows the machine's language.
    """
    if start.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    zone = _zone(timezone)
    local = start.astimezone(zone or UTC)
    half = "a.m." if local.hour < 12 else "p.m."
    hour = local.hour % 12 or 12
    day = f"{_DAYS[local.weekday()]}, {_MONTHS[local.month - 1]} {local.day}"
    return f"{hour}:{local.minute:02} {half} on {day} ({_clock_name(local, zone)})"


def _zone(timezone: str | None) -> ZoneInfo | None:
    try:
        return ZoneInfo(timezone) if timezone else None
    except (LookupError, OSError, ValueError):
        return None


def _clock_name(local: datetime, zone: ZoneInfo | None) -> str:
    """`Toronto time`; an offset for zones that name no place, such as `EST` or `Etc/GMT+5`."""
    area, _, place = (zone.key if zone else "").rpartition("/")
    if area not in ("", "Etc"):
        return f"{place.replace('_', ' ')} time"
    minutes = int((local.utcoffset() or timedelta()).total_seconds() // 60)
    sign, (hours, rest) = "+" if minutes > 0 else "-", divmod(abs(minutes), 60)
    return "UTC" if minutes == 0 else f"UTC{sign}{hours}" + (f":{rest:02}" if rest else "")
