"""Which texts name a database."""

from __future__ import annotations

import pytest

from tests.contract.notion.people import ADA, Make
from tests.contract.notion_fake import SEQUENCE_ID, FakeNotion

HEX = "33333333000040008000000000000003"


@pytest.mark.parametrize(
    "pasted",
    [
        SEQUENCE_ID,
        HEX,
        f"  {HEX.upper()}\n",
        f'"{HEX}"',
        f"https://app.notion.com/p/Email-Sequence-{HEX}?v=44444444000040008000000000000004",
        f"https://app.notion.com/p/{HEX}",
        f"https://www.notion.so/team/{HEX}?v=44444444000040008000000000000004&pvs=4",
        f"https://www.notion.so/team/Caf-beef-{HEX}/#block",
        f"https://team.notion.site/Email-Sequence-{HEX}",
        f"notion.so/{SEQUENCE_ID}",
    ],
)
async def test_a_database_may_be_pasted_in_any_form(pasted: str, make: Make, notion: FakeNotion) -> None:
    await make(sequence_db=pasted, contact_db=None).show(ADA)

    assert len(notion.rows("ds-sequence")) == 1


@pytest.mark.parametrize(
    "pasted", ["Email Sequence", "https://app.notion.com/p/Home", f"https://app.notion.com/?v={HEX}"]
)
def test_what_names_no_database_is_refused_by_name(pasted: str, make: Make) -> None:
    with pytest.raises(ValueError, match="NOTION_EMAIL_SEQUENCE_DB_ID"):
        make(sequence_db=pasted)
