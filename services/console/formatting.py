"""Template filters that format numbers, durations and UTC times for people."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from markupsafe import Markup, escape

from common.clock import iso, utc_datetime
from common.domain.delivery import delivery_of
from common.domain.ids import DeliveryId
from common.domain.projection import page_url
from common.formatting import count, duration

_SPAN = re.compile(r"`([^`]+)`|\*(\w[^*`]*)\*")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:[\d.]+Z")


def moment(ms: int, now_ms: int) -> str:
    """`12:03:04` for today, `24 Nov 12:03` for another day, `24 Nov 2024 12:03` for another year."""
    time, now = utc_datetime(ms), utc_datetime(now_ms)
    if time.date() == now.date():
        return f"{time:%H:%M:%S}"
    year = "" if time.year == now.year else f" {time.year}"
    return f"{time.day} {time:%b}{year} {time:%H:%M}"


def local(time: datetime) -> str:
    """`Tue 25 Nov 11:00 EST`, in the time zone that `time` has."""
    return f"{time:%a} {time.day} {time:%b %H:%M} {time.tzname() or ''}".rstrip()


def ago(ms: int, now_ms: int) -> str:
    """`3 min ago`, `in 2 h`, `now`."""
    age_ms = now_ms - ms
    if abs(age_ms) < 1_000:
        return "now"
    return f"{duration(age_ms)} ago" if age_ms > 0 else f"in {duration(-age_ms)}"


def percent(share: float, places: int = 1) -> str:
    """`98 %`, `99.2 %`, with a no-break space."""
    return f"{round(100 * share, places):g}\N{NO-BREAK SPACE}%"


def delivery_name(delivery: DeliveryId) -> str:
    """`step 3`, `reminder 24h`, or `follow-up missed`."""
    return delivery_of(delivery).label


def code_spans(text: str) -> Markup:
    """Turn text in backquotes into `<code>` and text between asterisks into `<em>`; everything is escaped."""
    return Markup(_SPAN.sub(_marked_up, str(escape(text))))


def _marked_up(span: re.Match[str]) -> str:
    code, emphasis = span.groups()
    return f"<code>{code}</code>" if code is not None else f"<em>{emphasis}</em>"


def readable_times(text: str, now_ms: int) -> str:
    """Turn `for 2025-12-06T15:00:00.000Z` into `for 6 Dec 15:00`. Text that only looks like a time stays unchanged."""
    return _INSTANT.sub(lambda found: _readable(found[0], now_ms), text)


def _readable(instant: str, now_ms: int) -> str:
    try:
        return moment(round(datetime.fromisoformat(instant).timestamp() * 1000), now_ms)
    except ValueError:
        return instant


def day(ms: int) -> str:
    """`Wed 3 Dec`, in UTC."""
    time = utc_datetime(ms)
    return f"{time:%a} {time.day} {time:%b}"


FILTERS: dict[str, Callable[..., Any]] = {
    "count": count,
    "duration": duration,
    "moment": moment,
    "ago": ago,
    "local": local,
    "percent": percent,
    "iso": iso,
    "delivery_name": delivery_name,
    "code_spans": code_spans,
    "readable_times": readable_times,
    "day": day,
    "notion_url": page_url,
}
