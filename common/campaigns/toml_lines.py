"""Finds the line of a value in a TOML file, for errors: the standard library's parser does not report it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping

Path = tuple[str | int, ...]
"""A place in the file in pydantic's form: `("steps", 1, "after", "production")`."""

_HEADER = re.compile(r"\s*(?P<open>\[\[?)(?P<keys>[^\[\]]+)\]\]?\s*(?:#.*)?")
_KEY = re.compile(
    r"""\s*(?P<keys>(?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=(?P<value>.*)"""
)
_PART = re.compile(r""""([^"]*)"|'([^']*)'|([\w-]+)""")


def line_of(text: str, place: Path) -> int | None:
    """
    Return the line of `place`, or of the smallest part around it that has a line of its own, counted from 1.

    A value in an inline table has the line of the table's key. None: the file contains nothing of `place`.
    """
    lines = _lines(text)
    return next((lines[place[:length]] for length in range(len(place), 0, -1) if place[:length] in lines), None)


def _lines(text: str) -> Mapping[Path, int]:
    """Return the line of each table and key. `text` must be valid TOML."""
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
    """Return the place of a table. `lengths` counts the tables of each array of tables so far."""
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
    """Skip the remaining lines of a multi-line value."""
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
