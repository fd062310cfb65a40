"""How values are put into words: clean text, numbers, money, and Markdown that stays literal."""

from __future__ import annotations

import re
import unicodedata
from decimal import ROUND_HALF_UP, Decimal

_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_INVISIBLE = frozenset("\u00ad\u200b\u2060\ufeff")
_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def clean(value: str) -> str:
    """
    One line of visible text: line breaks, tabs and control characters become one space, the ends are trimmed.

    A header can then not be injected, a right-to-left override cannot turn the rest of a sentence around, and what
    only looks filled in is empty. Private-use characters go, because components are marked with one.
    """
    return " ".join(value.translate(_VISIBLE).split())


class _Visible(dict[int, str]):
    """What each character becomes, found out once for each that occurs."""

    def __missing__(self, code: int) -> str:
        self[code] = _visible(chr(code))
        return self[code]


def _visible(character: str) -> str:
    if character in _BIDI or character in _INVISIBLE:
        return ""
    category = unicodedata.category(character)
    if category == "Cc":
        return " "
    return "" if category in ("Cs", "Co") or _is_noncharacter(ord(character)) else character


def _is_noncharacter(code: int) -> bool:
    return code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF


_VISIBLE = _Visible()


def literal(value: str) -> str:
    """Markdown that shows exactly `value`: CommonMark lets every ASCII punctuation be escaped."""
    return _PUNCTUATION.sub(r"\\\1", value)


def number(value: int | float) -> str:
    """62, 62.5; one decimal at most. Raises ValueError for NaN and infinity."""
    return f"{_rounded(value, '0.1'):f}".removesuffix(".0")


def money(value: int | float) -> str:
    """Whole dollars: $4,200. Raises ValueError for NaN and infinity."""
    return f"${_rounded(value, '1'):,f}"


def counted(value: int, noun: str) -> str:
    """one red system, three red systems."""
    words = _WORDS[value] if 0 <= value < len(_WORDS) else str(value)
    return f"{words} {noun}" if value == 1 else f"{words} {noun}s"


def shortened(value: str, length: int) -> str:
    """At most `length` characters, cut between words where there are any, and marked as cut."""
    if len(value) <= length:
        return value
    cut = value[: length - 1]
    return (cut.rsplit(" ", 1)[0] if " " in cut else cut).rstrip(" ,.;:-&") + "…"


def _rounded(value: int | float, places: str) -> Decimal:
    exact = Decimal(str(value))
    if not exact.is_finite():
        raise ValueError("not a finite number")
    return exact.quantize(Decimal(places), ROUND_HALF_UP)
