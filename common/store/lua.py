"""
Lua scripts, composed from libraries: a script is sent to the store as one text, but scripts share functions.

A library is a file `<noun>.lua` that ends with `return <noun>`, a table of functions. A line `-- uses: a, b` in its
head names the libraries that it calls. A script is one function of a library; it reads KEYS and ARGV directly.

The store creates every function of a text anew for each call, so a text holds only those that its script can reach.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

Tables = Mapping[str, Mapping[str, str]]
"""Tables that Python defines and all libraries can use: name → field → Lua expression."""

_USES = re.compile(r"^-- uses: (.+)$", re.MULTILINE)
_ENTRY_POINT = re.compile(r"^function (\w+\.\w+)\(\)$", re.MULTILINE)
_FUNCTION = re.compile(r"^(?:local )?function ([\w.]+)\(.*?^end\n", re.MULTILINE | re.DOTALL)
_COMMENT = re.compile(r"^ *--.*\n", re.MULTILINE)
_NAME = re.compile(r"\w+(?:\.\w+)*")


def read_libraries(*folders: Path) -> dict[str, str]:
    """Return the libraries in these folders and their subfolders, by name."""
    return {file.stem: file.read_text() for folder in folders for file in sorted(folder.rglob("*.lua"))}


def entry_points(library: str) -> list[str]:
    """Return the functions of a library without parameters, such as `messages.ack`: each is a script."""
    return _ENTRY_POINT.findall(library)


def literals(values: Mapping[str, str | int]) -> dict[str, str]:
    """Return constants as fields of a table: `{"crashes_max": 3}` → `{"crashes_max": "3"}`."""
    return {field: _literal(value) for field, value in values.items()}


def compose(entry_point: str, libraries: Mapping[str, str], tables: Tables) -> str:
    """
    Return the text of the script `library.function`: everything that it can reach, the used libraries first.

    Raises KeyError for an unknown library.
    """
    needed = dict.fromkeys(_with_used(entry_point.partition(".")[0], libraries))
    reachable = _reachable(entry_point, {name: _COMMENT.sub("", libraries[name]) for name in needed})
    parts = [f"local {name} = (function()\n{reachable[name]}end)()\n" for name in needed if name in reachable]
    text = f"{''.join(parts)}return {entry_point}()\n"
    return "".join(_table(name, fields, text) for name, fields in tables.items()) + text


def _reachable(entry_point: str, libraries: Mapping[str, str]) -> dict[str, str]:
    """Return the text of each library that is named, even indirectly, without functions that nothing names."""
    functions = {name: {one[1]: one[0] for one in _FUNCTION.finditer(text)} for name, text in libraries.items()}
    reached: dict[str, set[str]] = {}
    waiting = [("", entry_point)]
    while waiting:
        caller, text = waiting.pop()
        for name in _NAME.findall(text):
            library = name.partition(".")[0]
            if library in libraries and library not in reached:
                reached[library] = set()
                waiting.append((library, _FUNCTION.sub("", libraries[library])))
            owner = library if library in libraries else caller
            if name in functions.get(owner, ()) and name not in reached[owner]:
                reached[owner].add(name)
                waiting.append((owner, functions[owner][name]))
    return {
        name: _FUNCTION.sub(lambda one: one[0] if one[1] in names else "", libraries[name])  # noqa: B023 -- used at once
        for name, names in reached.items()
    }


def _table(name: str, fields: Mapping[str, str], text: str) -> str:
    """Return `local limits = {crashes_max = 3}`, with only the fields that the text names."""
    named = {*re.findall(rf"\b{name}\.(\w+)", text)}
    pairs = ", ".join(f"{field} = {value}" for field, value in fields.items() if field in named)
    return f"local {name} = {{{pairs}}}\n"


def _literal(value: str | int) -> str:
    if isinstance(value, int):
        return str(value)
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _with_used(name: str, libraries: Mapping[str, str]) -> Iterator[str]:
    """Yield a library, after the libraries that it uses."""
    for line in _USES.findall(libraries[name]):
        for used in line.split(", "):
            yield from _with_used(used, libraries)
    yield name
