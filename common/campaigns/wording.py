"""Clean text, shortened text, and Markdown that stays literal: what is the same in every language."""

from __future__ import annotations

import re
import unicodedata

_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_INVISIBLE = frozenset("\u00ad\u200b\u2060\ufeff")
_SPACES = re.compile(r"[^\S\u00a0\u202f]+")
"""White space, but for no-break spaces: typography asks for them."""


def clean(value: str) -> str:
    """
    One line of visible text: line breaks, tabs and control characters become one space, the ends are trimmed.

    No-break spaces stay, since French sets them before a colon.

    A header can then not be injected, a right-to-left override cannot turn the rest of a sentence around, and what
    only looks filled in is empty. Private-use characters go, because components are marked with one.
    """
    return _SPACES.sub(" ", value.translate(_VISIBLE)).strip()


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


def shortened(value: str, length: int) -> str:
    """At most `length` characters, cut between words where there are any, and marked as cut."""
    if len(value) <= length:
        return value
    cut = value[: length - 1]
    return (cut.rsplit(" ", 1)[0] if " " in cut else cut).rstrip(" ,.;:-&") + "…"
