"""Retired words stay out of identifiers of Python and Lua; `test_retired_words.py` keeps them out of documents."""

from __future__ import annotations

import io
import re
import subprocess
import tokenize
from pathlib import Path

import pytest

from tests.tidy.repository import ROOT

RETIRED = frozenset(
    [
        *("house", "beside", "revival", "lookout", "roster", "desk", "verdict", "verdicts", "fate", "fates"),
        *("burial", "burials", "bury", "buried", "doubt", "doubts", "claimer", "everybodys", "somebodys", "told"),
    ]
)
"""Words that only this project used; each has been replaced by a common one."""


def tracked(*patterns: str) -> list[Path]:
    names = subprocess.run(["git", "ls-files", "-z", *patterns], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in names.stdout.split("\0") if name and (ROOT / name).is_file()]


def words_of(name: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)}


def python_names(file: Path) -> set[str]:
    tokens = tokenize.generate_tokens(io.StringIO(file.read_text()).readline)
    return {token.string for token in tokens if token.type == tokenize.NAME}


@pytest.mark.parametrize("file", tracked("*.py"), ids=lambda file: str(file.relative_to(ROOT)))
def test_no_retired_word_is_in_a_name(file):
    assert {name for name in python_names(file) | {file.stem} if words_of(name) & RETIRED} == set()


@pytest.mark.parametrize("file", tracked("*.lua"), ids=lambda file: str(file.relative_to(ROOT)))
def test_no_retired_word_is_in_a_name_of_lua(file):
    code = re.sub(r"--[^\n]*", "", file.read_text())
    assert {name for name in re.findall(r"[A-Za-z_]\w*", code) if words_of(name) & RETIRED} == set()
