"""No mail text changes unnoticed."""

from __future__ import annotations

from tests.golden.pages import FOLDER, current_pages


def test_every_mail_text_equals_its_accepted_text() -> None:
    accepted = {file.name: file.read_bytes().decode() for file in FOLDER.glob("*.txt")}

    assert accepted == current_pages(), "read the difference, then: python -m tests.golden.accept"
