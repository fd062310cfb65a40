"""On which line of a TOML file a value stands, for errors: the standard library's reader does not tell."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping

Path = tuple[str | int, ...]
"""As pydantic names a place: `("steps", 1, "after", "production")`."""

_HEADER = re.compile(r"\s*(?P<open>\[\[?)(?P<keys>[^\[\]]+)\]\]?\s*(?:#.*)?")
_KEY = re.compile(
    r"""\s*(?P<keys>(?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=(?P<value>.*)"""
)
_PART = re.compile(r""""([^"]*)"|'([^']*)'|([\w-]+)""")


def line_of(text: str, place: Path) -> int | None:
    """
    The line of the nearest thing around `place` that has one of its own, counted from 1.

    An inline table stands on one line, so what is in it has the line of its key. None: nothing of it is in the file.
    """
    lines = _lines(text)
    return next((lines[place[:length]] for length in range(len(place), 0, -1) if place[:length] in lines), None)


def _lines(text: str) -> Mapping[Path, int]:
    """`text` is valid TOML."""
    found: dict[Path, int] = {}
    table: Path = ()
    lengths: dict[Path, int] = {}
    numbered = enumerate(text.split("\n"), 1)
    for number, line in numbered:
        if header := _HEADER.fullmatch(line):
            table = _table(_parts(header["keys"]), lengths, is_array=header["open"] == "[[")
            found[table] = number
        elif key := _KEY.fullmatch(line):
            found.setdefault((*table, *_parts(key["keys"])), number)
            _pass_value(key["value"], numbered)
    return found


def _table(keys: list[str], lengths: dict[Path, int], *, is_array: bool) -> Path:
    """The place of a table: an array of tables counts as far as it has come."""
    place: Path = ()
    for key in keys:
        place = (*place, key)
        if place in lengths and not (is_array and len(place) >= len(keys)):
            place = (*place, lengths[place] - 1)
    if is_array:
        lengths[place] = lengths.get(place, 0) + 1
        place = (*place, lengths[place] - 1)
    return place


def _pass_value(value: str, following: Iterator[tuple[int, str]]) -> None:
    """Go on to the end of a value of several lines."""
    while not _is_whole(value):
        value += "\n" + next(following)[1]


def _is_whole(value: str) -> bool:
    try:
        tomllib.loads(f"value = {value}")
    except tomllib.TOMLDecodeError:
        return False
    return True


def _parts(keys: str) -> list[str]:
    return [next(part for part in match.groups() if part is not None) for match in _PART.finditer(keys)]
