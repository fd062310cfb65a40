"""Numbers that forms send as text."""

from __future__ import annotations

import re
import sys

_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?")
SYSTEMS = 8
FINITE_MAX = sys.float_info.max
"""JSON integers may have thousands of digits; those beyond a double are numbers that nobody means."""


def read_number(value: object) -> int | float | None:
    """
    Return a number, or the number that a text is: `"72"` → 72, `"7.5"` → 7.5. None for anything else.

    A comma is refused, as is a currency sign: readers disagree about which number 1,500 is.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        text = value.strip()
        if len(text) > 40 or _NUMBER.fullmatch(text) is None:
            return None
        value = float(text) if re.search(r"[.eE]", text) else int(text)
    if not isinstance(value, int | float) or not -FINITE_MAX <= value <= FINITE_MAX:
        return None
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value


def fitted_counts(red: int, orange: int, yellow: int, green: int) -> tuple[int, int, int, int]:
    """
    Return the four counts of systems, reduced to at most 8 each and at most 8 together.

    The excess is taken from green first, then yellow, orange and red, because the more urgent count matters more.
    """
    left, fitted = SYSTEMS, []
    for count in (red, orange, yellow, green):
        fitted.append(min(count, left))
        left -= fitted[-1]
    return fitted[0], fitted[1], fitted[2], fitted[3]
