"""Sending windows: when mail may be sent, on the reader's clock; the next opening, and for reminders the last one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

_DAY = timedelta(days=1)
_DAYS_SEARCHED = 400
"""More than a year, so that an open day is found even if holidays cover the same weekday for many weeks."""

BEFORE_CLOSING_MS = 60_000
"""A reminder that moves to the end of an open day is due this long before the window closes."""


def _never(_day: date) -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """
    The hours in which mail may be sent: from `opens_minute` until before `closes_minute` of the day (0..1440), on
    `weekdays` (Monday is 0) that are not holidays.

    The minutes are those of a wall clock. A minute that a clock change skips begins an hour later; when a minute occurs
    twice, the first one counts.
    """

    opens_minute: int
    closes_minute: int
    weekdays: frozenset[int] = frozenset(range(7))
    is_holiday: Callable[[date], bool] = _never

    def opening_ms(self, at_ms: int, zone: ZoneInfo) -> int:
        """Return `at_ms` if it is open then, otherwise the next opening. Raises ValueError if it never opens."""
        for opens_ms, closes_ms in self._open_spans(at_ms, zone, step=_DAY):
            if at_ms < closes_ms:
                return max(at_ms, opens_ms)
        raise ValueError("the sending window never opens")

    def last_open_ms(self, at_ms: int, zone: ZoneInfo) -> int:
        """
        Return `at_ms` if it is open then, otherwise a time shortly before the last closing. Raises ValueError if it
        never opens.
        """
        for opens_ms, closes_ms in self._open_spans(at_ms, zone, step=-_DAY):
            if opens_ms <= at_ms:
                return at_ms if at_ms < closes_ms else max(opens_ms, closes_ms - BEFORE_CLOSING_MS)
        raise ValueError("the sending window never opens")

    def closing_ms(self, at_ms: int, zone: ZoneInfo) -> int | None:
        """Return when the window closes that is open at `at_ms`; None if it is closed then."""
        opens_ms, closes_ms = next(self._open_spans(at_ms, zone, step=_DAY), (math.inf, 0))
        return closes_ms if opens_ms <= at_ms < closes_ms else None

    def _open_spans(self, at_ms: int, zone: ZoneInfo, *, step: timedelta) -> Iterator[tuple[int, int]]:
        """Yield the open spans (start, end) from the day of `at_ms` on. `step`: a day, or a day backwards."""
        day = local_day(at_ms, zone)
        for number in range(_DAYS_SEARCHED):
            today = day + number * step
            if today.weekday() in self.weekdays and not self.is_holiday(today):
                opens_ms, closes_ms = (_at(today, minute, zone) for minute in (self.opens_minute, self.closes_minute))
                if opens_ms < closes_ms:
                    yield opens_ms, closes_ms


def local_day(at_ms: int, zone: ZoneInfo) -> date:
    """Return the date in this zone."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone).date()


def _at(day: date, minute: int, zone: ZoneInfo) -> int:
    """Return the time (UTC ms) of this minute of the day; 1440 is midnight at the end of the day."""
    days, rest = divmod(minute, 24 * 60)
    wall_clock = datetime.combine(day + days * _DAY, time(rest // 60, rest % 60), tzinfo=zone)
    return round(wall_clock.timestamp() * 1000)


@lru_cache(maxsize=1024)
def zone_named(name: str | None) -> ZoneInfo | None:
    """Return the time zone with this name, or None if there is none."""
    try:
        return ZoneInfo(name) if name else None
    except (LookupError, OSError, ValueError):
        return None
