"""Retired words, which only this project understood, do not return to the documents."""

from __future__ import annotations

import re

import pytest

from tests.tidy.repository import ROOT, documents

RETIRED = (
    "beside|bur(?:y|ied|ials?)|doubts?|doors?|fates?|houses?|lookout|(?<!byte order )marks?|nobody else's|"
    "our (?:own )?mistakes?|rooms?|roster|shall|sign of life|st(?:ands?|ood) still|stor(?:y|ies)|told|verdicts?|whoever"
)
EXAMPLE = re.compile(r"`[^`\n]*`|\]\([^)]*\)|^ {4}[^\n]*$|^```.*?^```", re.MULTILINE | re.DOTALL)
"""Text that is not checked: code, links and quoted names, such as commands, old names and test files."""

PAGES = [page for page in documents() if page.name != "french.md"]
"""The page about the French texts quotes English expressions."""


def test_retired_words_are_detected_outside_code() -> None:
    page = "A page.\n\n    a house in code\n\nWhoever is at the door reads a story. `fate` is a label."

    assert retired_words(page) == ["whoever", "door", "story"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_document_uses_a_retired_word(page) -> None:
    assert retired_words(page.read_text()) == []


def retired_words(text: str) -> list[str]:
    return re.findall(rf"\b(?:{RETIRED})\b", EXAMPLE.sub("", text).lower())
