"""Numbers that forms send as text."""

from __future__ import annotations

import math
import re

_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?")
SYSTEMS = 8


def read_number(value: object) -> int | float | None:
    """
    A number, or a text that is one: `"72"` → 72, `"7.5"` → 7.5. None for anything else.

    A comma is refused as well as a currency sign: 1,500 is two numbers to two readers.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        text = value.strip()
        if len(text) > 40 or _NUMBER.fullmatch(text) is None:
            return None
        value = float(text) if re.search(r"[.eE]", text) else int(text)
    if not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value


def fitted_counts(red: int, orange: int, yellow: int, green: int) -> tuple[int, int, int, int]:
    """
    The four counts of systems, each at most 8 and together at most 8.

    What is too much is taken from green first, then yellow, orange and red: the more urgent count is believed.
    """
    left, fitted = SYSTEMS, []
    for count in (red, orange, yellow, green):
        fitted.append(min(count, left))
        left -= fitted[-1]
    return fitted[0], fitted[1], fitted[2], fitted[3]
