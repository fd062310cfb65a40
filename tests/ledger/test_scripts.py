"""The ledger's Lua: each file lists the libraries that it uses, each entry point its KEYS, ARGV and answer."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import common.ledger
from common.ledger.scripts import LIBRARIES as KNOWN
from common.ledger.scripts import load

LUA = Path(common.ledger.__file__).parent / "lua"
FILES = sorted(LUA.glob("*.lua"))
LIBRARIES = sorted((LUA / "lib").glob("*.lua"))
ENTRIES = [
    f"{file.stem}.{entry}" for file in FILES for entry in re.findall(rf"function {file.stem}\.(\w+)", file.read_text())
]


@pytest.mark.parametrize("file", FILES + LIBRARIES, ids=lambda file: file.stem)
def test_a_file_names_the_libraries_that_it_uses_and_no_others(file: Path) -> None:
    text = file.read_text()
    code = re.sub(r"--.*", "", text)
    used = {name for name in {*KNOWN} - {one.stem for one in FILES} if re.search(rf"\b{name}\.\w", code)} - {file.stem}
    named = {name for line in re.findall(r"^-- uses: (.+)$", text, re.MULTILINE) for name in line.split(", ")}

    assert named == used


@pytest.mark.parametrize("entry", ENTRIES)
def test_entry_point_documents_its_keys_arguments_and_answer(entry: str) -> None:
    file, name = entry.split(".")
    text = (LUA / f"{file}.lua").read_text()
    head = text[: text.index(f"function {entry}(")].rsplit("\n\n", 1)[-1]

    assert head.startswith(f"-- {name}(KEYS")
    assert "ARGV" in head
    assert "→" in head


def test_every_entry_point_is_one_script_of_its_own() -> None:
    assert len({load(entry).sha for entry in ENTRIES}) == len(ENTRIES) > 25
    assert all(load(entry).text.endswith(f"return {entry}()\n") for entry in ENTRIES)


_FUNCTION = re.compile(r"^(?:local )?function ([\w.]+)\(", re.MULTILINE)


@pytest.mark.parametrize("entry", ENTRIES)
def test_script_contains_exactly_the_library_functions_that_it_uses(entry: str) -> None:
    text = load(entry).text
    for library, part in re.findall(r"^local (\w+) = \(function\(\)\n(.*?)^end\)\(\)$", text, re.MULTILINE | re.DOTALL):
        held, named = {*_FUNCTION.findall(part)}, {*re.findall(r"(?<![\w.'])\w+\b", part)}
        assert named & {*_FUNCTION.findall(KNOWN[library])} <= held
        assert [name for name in held if len(re.findall(rf"\b{name}\b", text)) < 2] == []
    held, named = {*_FUNCTION.findall(text)}, {*re.findall(r"\b\w+\.\w+\b", text)}
    assert named & {name for library in KNOWN.values() for name in _FUNCTION.findall(library)} <= held


def test_script_contains_only_the_keys_that_it_uses() -> None:
    text = load("leases.keep").text
    [fields] = re.findall(r"^local keys = \{(.*)\}$", text, re.MULTILINE)

    assert {*re.findall(r"(\w+) = ", fields)} == {*re.findall(r"\bkeys\.(\w+)", text)}
