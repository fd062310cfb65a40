"""Texts that identify a Notion database."""

from __future__ import annotations

import pytest

from common.settings.values import notion_id

HEX = "33333333000040008000000000000003"
DASHED = "33333333-0000-4000-8000-000000000003"


@pytest.mark.parametrize(
    "pasted",
    [
        DASHED,
        HEX,
        f"  {HEX.upper()}\n",
        f'"{HEX}"',
        f"https://app.notion.com/p/Email-Sequence-{HEX}?v=44444444000040008000000000000004",
        f"https://app.notion.com/p/{HEX}",
        f"https://www.notion.so/team/{HEX}?v=44444444000040008000000000000004&pvs=4",
        f"https://www.notion.so/team/Caf-beef-{HEX}/#block",
        f"https://team.notion.site/Email-Sequence-{HEX}",
        f"notion.so/{DASHED}",
    ],
)
def test_a_database_may_be_pasted_in_any_form(pasted: str) -> None:
    assert notion_id(pasted) == DASHED


@pytest.mark.parametrize(
    "pasted", ["Email Sequence", "https://app.notion.com/p/Home", f"https://app.notion.com/?v={HEX}", f"{HEX}3"]
)
def test_text_that_names_no_notion_database_is_refused_with_the_cure(pasted: str) -> None:
    with pytest.raises(ValueError, match="set the database's 32-digit id, or its URL"):
        notion_id(pasted)
