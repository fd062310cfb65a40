"""Cleans, shortens and escapes text, in the same way for every language."""

from __future__ import annotations

import re
import unicodedata

_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_INVISIBLE = frozenset("\u00ad\u200b\u2060\ufeff")
_SPACES = re.compile(r"[^\S\u00a0\u202f]+")
"""White space except no-break spaces, which typography needs."""


def clean(value: str) -> str:
    """
    Return the text as one visible line: line breaks, tabs and control characters become one space, the ends are
    trimmed. No-break spaces stay, because French needs them before a colon.

    The result cannot inject a header, and a right-to-left override cannot reverse the rest of a sentence. A text of
    invisible characters becomes empty. Private-use characters are removed, because they mark components.
    """
    return _SPACES.sub(" ", value.translate(_VISIBLE)).strip()


class _Visible(dict[int, str]):
    """Maps each character to its replacement. A replacement is computed when its character first occurs."""

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
    """Return Markdown that shows exactly `value`: in CommonMark every ASCII punctuation character can be escaped."""
    return _PUNCTUATION.sub(r"\\\1", value)


def shortened(value: str, length: int) -> str:
    """Return at most `length` characters, cut between words if possible, with an ellipsis if cut."""
    if len(value) <= length:
        return value
    cut = value[: length - 1]
    return (cut.rsplit(" ", 1)[0] if " " in cut else cut).rstrip(" ,.;:-&") + "…"
