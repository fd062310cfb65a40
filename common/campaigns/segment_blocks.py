"""
A paragraph for some segments only, without a file of its own for each:

    ::: CRITICAL, URGENT
    You have {{ red|counted("red system") }}.
    :::
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection

_OPEN = re.compile(r":::\s*(?P<names>\w+(?:\s*,\s*\w+)*)\s*")
_FENCE = ":::"


class BlockError(ValueError):
    """`line`: of the text, counted from 1."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


def conditions(markdown: str, segments: Collection[str]) -> str:
    """The text with the template's own conditions instead, line for line. Raises BlockError."""
    lines = markdown.split("\n")
    opened: int | None = None
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text.startswith(_FENCE):
            continue
        if text == _FENCE and opened is not None:
            lines[number - 1], opened = "{% endif %}", None
        elif (match := _OPEN.fullmatch(text)) and opened is None:
            names = [_known(number, name.strip(), segments) for name in match["names"].split(",")]
            lines[number - 1], opened = f"{{% if segment in {names} %}}", number
        else:
            raise BlockError(number, "not a segment block; open one with ::: SEGMENT and close it with :::")
    if opened is not None:
        raise BlockError(opened, "this segment block is never closed; add a line of :::")
    return "\n".join(lines)


def _known(line: int, name: str, segments: Collection[str]) -> str:
    if name not in segments:
        near = difflib.get_close_matches(name, segments, n=1)
        there = f"did you mean {near[0]}?" if near else f"there are: {', '.join(segments)}"
        raise BlockError(line, f"unknown segment {name!r}; {there}")
    return name
