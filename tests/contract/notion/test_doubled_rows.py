"""Duplicate rows of a contact are merged unless a person edited both; a deleted page is created again."""

from __future__ import annotations

from typing import Any

import pytest

from common.providers.notion import table
from common.providers.notion.mirror import NotionMirror
from tests.contract.notion.people import ADA, kept, sent
from tests.contract.notion_fake import FakeNotion


def double(notion: FakeNotion, **more: Any) -> str:
    campaign = {"select": {"name": "Christmas 2025"}}
    return notion.row("ds-sequence", Email={"email": "ada@salon.example"}, Campaign=campaign, **more)


async def test_oldest_of_several_rows_is_kept_and_copies_go_to_the_trash(
    mirror: NotionMirror, notion: FakeNotion
) -> None:
    oldest, *copies = [double(notion) for _ in range(3)]

    pages = await mirror.show(ADA)

    assert pages["sequence"] == oldest
    assert [notion.pages[page]["in_trash"] for page in (oldest, *copies)] == [False, True, True]


async def test_duplicate_row_edited_by_a_person_is_left_alone(mirror: NotionMirror, notion: FakeNotion) -> None:
    notion.add_column("ds-sequence", "Notes", "rich_text")
    notes = {"rich_text": [{"text": {"content": "called her"}}]}
    _, with_notes, edited, without = double(notion), double(notion, Notes=notes), double(notion), double(notion)
    notion.pages[edited]["last_edited_by"] = {"id": "somebody"}

    await mirror.show(ADA)

    assert [notion.pages[page]["in_trash"] for page in (with_notes, edited, without)] == [False, False, True]


async def test_duplicate_row_without_a_campaign_is_left_alone(mirror: NotionMirror, notion: FakeNotion) -> None:
    for _ in range(2):
        notion.row("ds-sequence", Email={"email": "ada@salon.example"})

    await mirror.show(ADA)

    assert len(notion.rows("ds-sequence")) == 2


@pytest.mark.parametrize("how", ["trashed", "trashed but editable", "deleted"])
async def test_deleted_notion_page_is_searched_and_created_again(
    how: str, mirror: NotionMirror, notion: FakeNotion, monkeypatch: pytest.MonkeyPatch
) -> None:
    reported: list[tuple[str, str]] = []

    class Log:
        def warning(self, event: str, *, database: str, enrollment_id: str) -> None:
            reported.append((event, database))

    monkeypatch.setattr(table, "log", Log())
    ada = kept(ADA, await mirror.show(ADA))
    assert reported == []
    notion.edits_trash = how == "trashed but editable"
    if how.startswith("trashed"):
        notion.pages[ada.pages["sequence"]]["in_trash"] = True
    else:
        notion.pages["another"] = notion.pages.pop(ada.pages["sequence"]) | {"id": "another", "in_trash": True}

    pages = await mirror.show(sent(ada, 1))

    assert pages["sequence"] != ada.pages["sequence"]
    [row] = notion.rows("ds-sequence")
    assert row["Email 1 Sent"] is not None
    assert reported == [("notion_row_recreated", "Email Sequence")]


async def test_deleted_notion_page_is_replaced_by_another_row_of_the_contact(
    mirror: NotionMirror, notion: FakeNotion
) -> None:
    ada = kept(ADA, await mirror.show(ADA))
    notion.pages[ada.pages["sequence"]]["in_trash"] = True
    other = double(notion)

    assert (await mirror.show(sent(ada, 1)))["sequence"] == other
    assert len(notion.rows("ds-sequence")) == 1
