"""
Lua scripts, composed from libraries: a store runs one text, and several scripts share what is written once.

A library is a file `<noun>.lua` that ends with `return <noun>`, a table of functions. A line `-- uses: a, b` in its
head names the libraries that it calls. A script is one function of a library; it reads KEYS and ARGV itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

_USES = re.compile(r"^-- uses: (.+)$", re.MULTILINE)
_NOT_CODE = re.compile(r"^ *(?:--.*)?", re.MULTILINE)
_ENTRY_POINT = re.compile(r"^function (\w+\.\w+)\(\)$", re.MULTILINE)


def read_libraries(*folders: Path) -> dict[str, str]:
    """The libraries in these folders and below, by name."""
    return {file.stem: file.read_text() for folder in folders for file in sorted(folder.rglob("*.lua"))}


def entry_points(library: str) -> list[str]:
    """The functions of a library that take no parameter, `messages.ack`: each is a script."""
    return _ENTRY_POINT.findall(library)


def compose(entry_point: str, libraries: Mapping[str, str], *, preamble: str = "") -> str:
    """
    The text of the script `library.function`, with every library that it needs.

    Without comments and indentation, a third of it: the store keeps each text. The lines stay where they are.

    `preamble`: Lua text that comes first and is seen by all, such as `table_of` makes. Raises KeyError for an unknown
    library.
    """
    needed = dict.fromkeys(_with_used(entry_point.partition(".")[0], libraries))
    parts = [f"local {name} = (function()\n{_NOT_CODE.sub('', libraries[name])}end)()\n" for name in needed]
    return f"{preamble}{''.join(parts)}return {entry_point}()\n"


def table_of(name: str, values: Mapping[str, str | int]) -> str:
    """`local limits = {crashes_max = 3}`: constants of which Python is the owner."""
    fields = ", ".join(f"{field} = {_literal(value)}" for field, value in values.items())
    return f"local {name} = {{{fields}}}\n"


def _literal(value: str | int) -> str:
    if isinstance(value, int):
        return str(value)
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _with_used(name: str, libraries: Mapping[str, str]) -> Iterator[str]:
    """A library, after those that it uses."""
    for line in _USES.findall(libraries[name]):
        for used in line.split(", "):
            yield from _with_used(used, libraries)
    yield name
