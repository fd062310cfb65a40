"""The Lua of the ledger: each file names what it uses, each entry point says what it takes and answers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import common.ledger
from common.ledger.scripts import LIBRARIES as KNOWN
from common.ledger.scripts import load
from common.store.lua import compose

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
def test_an_entry_point_says_what_it_takes_and_answers(entry: str) -> None:
    file, name = entry.split(".")
    text = (LUA / f"{file}.lua").read_text()
    head = text[: text.index(f"function {entry}(")].rsplit("\n\n", 1)[-1]

    assert head.startswith(f"-- {name}(KEYS")
    assert "ARGV" in head
    assert "→" in head


def test_every_entry_point_is_one_script_of_its_own() -> None:
    assert len({load(entry).sha for entry in ENTRIES}) == len(ENTRIES) > 25
    assert all(load(entry).text.endswith(f"return {entry}()\n") for entry in ENTRIES)


def test_a_store_keeps_the_code_of_a_script_and_no_comments() -> None:
    library = (
        "local greeting = {}\n\n-- run() → 1\nfunction greeting.run()\n  -- always\n  return 1 -- one\nend\n\n"
        "return greeting\n"
    )

    assert compose("greeting.run", {"greeting": library}) == (
        "local greeting = (function()\n"
        "local greeting = {}\n\n\nfunction greeting.run()\n\nreturn 1 -- one\nend\n\nreturn greeting\n"
        "end)()\nreturn greeting.run()\n"
    )
