"""Numbers, instants and spans, as people read them. All instants are UTC."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

from common.clock import iso, utc_datetime
from common.domain.ids import DeliveryId, split_delivery_id


def count(number: int, noun: str, several: str = "") -> str:
    """`1 worker`, `2,000 workers`, `no workers`; `several`: the plural, where it is not the noun and an s."""
    told = f"{number:,}" if number else "no"
    return f"{told} {noun}" if number == 1 else f"{told} {several or noun + 's'}"


def span(ms: float) -> str:
    """`36 s`, `12 min`, `3 h`, `2 d`: to the unit that matters."""
    for size, unit in ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min")):
        if abs(ms) >= 2 * size:
            return f"{ms / size:.0f} {unit}"
    return f"{ms / 1000:.0f} s" if abs(ms) >= 1_000 or not ms else f"{ms:.0f} ms"


def moment(ms: int, now_ms: int) -> str:
    """`12:03:04` of today, `24 Nov 12:03` of another day, with the year when it is not this one."""
    that, now = utc_datetime(ms), utc_datetime(now_ms)
    if that.date() == now.date():
        return f"{that:%H:%M:%S}"
    year = "" if that.year == now.year else f" {that.year}"
    return f"{that.day} {that:%b}{year} {that:%H:%M}"


def ago(ms: int, now_ms: int) -> str:
    """`3 min ago`, `in 2 h`, `now`."""
    apart = now_ms - ms
    if abs(apart) < 1_000:
        return "now"
    return f"{span(apart)} ago" if apart > 0 else f"in {span(-apart)}"


def delivery_name(delivery: DeliveryId) -> str:
    """`step 3`, or `reminder 24h`."""
    name = split_delivery_id(delivery)[1].rpartition("/")[2]
    return f"step {name.removeprefix('step-')}" if name.startswith("step-") else f"reminder {name}"


def marked(text: str) -> Markup:
    """What stands in backquotes, to be typed, as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


FILTERS = {
    "count": count,
    "span": span,
    "moment": moment,
    "ago": ago,
    "iso": iso,
    "delivery_name": delivery_name,
    "marked": marked,
}
