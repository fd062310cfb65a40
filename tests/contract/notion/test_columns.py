"""Notion shows as much as possible despite wrong columns or oversized values; wrong columns are reported."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from common.clock import VirtualClock
from common.domain.projection import CampaignColumns
from common.errors import Misconfigured
from common.providers.notion.mirror import NotionMirror
from common.providers.notion.schema import SEQUENCE, match
from tests import columns
from tests.contract.notion.people import ADA, MakeMirror, kept, sent
from tests.contract.notion_fake import CONTACT_ID, SEQUENCE_ID, FakeNotion

CASES = Path(__file__).parents[2] / "fixtures" / "cases"


async def test_notion_columns_match_in_any_case(mirror: NotionMirror, notion: FakeNotion) -> None:
    source = notion.sources["ds-sequence"]
    source["EMAIL"] = source.pop("Email") | {"name": "EMAIL"}

    await mirror.show(ADA)

    assert notion.rows("ds-sequence")[0]["EMAIL"] == "ada@salon.example"
    assert await columns.problems(mirror) == []


async def test_a_column_that_is_missing_renamed_or_retyped_is_left_out_and_reported(
    mirror: NotionMirror, notion: FakeNotion
) -> None:
    source = notion.sources["ds-sequence"]
    del source["Segment"]
    source["Biz Name"] = source.pop("Business Name") | {"name": "Biz Name"}
    notion.add_column("ds-sequence", "Red Systems", "rich_text")

    await mirror.show(ADA)

    [row] = notion.rows("ds-sequence")
    assert (row["Biz Name"], row["Red Systems"], row["Green Systems"]) == ("", "", 0)
    assert await columns.problems(mirror) == [
        'Notion database Email Sequence: the property "Business Name" (rich text) is missing: '
        'rename "Biz Name" back to it, if that is the same',
        'Notion database Email Sequence: the property "Red Systems" is of type rich text and must be number: '
        "change its type in Notion",
        'Notion database Email Sequence: the property "Segment" (select) is missing: `advent check --fix` adds it',
    ]


def test_misspelled_column_is_suggested_only_for_the_nearest_name() -> None:
    case = json.loads((CASES / "n94_one_near_column_for_six.json").read_text())

    problems = match(SEQUENCE, {"id": "ds", **case}).problems

    assert [line for line in problems if "rename" in line] == [
        'Notion database Email Sequence: the property "Email 2 Sent" (date) is missing: '
        'rename "Emai 2 Sent" back to it, if that is the same'
    ]
    assert len([line for line in problems if "Email " in line and "--fix` adds it" in line]) >= 6


@pytest.mark.parametrize("change", ["deleted", "retyped"])
async def test_a_column_that_changes_while_we_run_is_noticed_at_the_first_refusal(
    change: str, mirror: NotionMirror, notion: FakeNotion
) -> None:
    ada = kept(ADA, await mirror.show(ADA))
    for page in notion.pages.values():
        page["properties"].pop("Segment")
    property_id = notion.sources["ds-sequence"].pop("Segment")["id"]
    if change == "retyped":
        notion.add_column("ds-sequence", "Segment", "rich_text")
        notion.sources["ds-sequence"]["Segment"]["id"] = property_id

    await mirror.show(sent(ada, 1))

    assert notion.rows("ds-sequence")[0]["Email 1 Sent"] is not None


async def test_a_column_that_is_added_while_we_run_is_noticed_within_ten_minutes(
    mirror: NotionMirror, notion: FakeNotion, clock: VirtualClock
) -> None:
    ada = kept(ADA, await mirror.show(ADA))
    notion.add_column("ds-sequence", "Enrollment ID", "rich_text")
    clock.advance(600_000)

    await mirror.show(ada)

    assert notion.rows("ds-sequence")[0].get("Enrollment ID") == ADA.id


async def test_column_fix_adds_missing_and_optional_columns(mirror: NotionMirror, notion: FakeNotion) -> None:
    del notion.sources["ds-sequence"]["Segment"]

    added = await columns.fix(mirror)

    assert added[0] == 'Notion database Email Sequence: added "Segment" (select)'
    assert len(added) == 1 + 12
    assert await columns.problems(mirror) == []
    assert await columns.fix(mirror) == []
    assert notion.sources["ds-sequence"]["Exit Reason"]["type"] == "select"


async def test_missing_email_column_prevents_the_creation_of_rows(mirror: NotionMirror, notion: FakeNotion) -> None:
    del notion.sources["ds-sequence"]["Email"]

    with pytest.raises(Misconfigured, match="check --fix"):
        await mirror.show(ADA)
    assert notion.rows("ds-sequence") == []


@pytest.mark.parametrize("sources", [[], ["ds-sequence", "ds-contact"]])
async def test_a_database_must_have_exactly_one_data_source(
    sources: list[str], mirror: NotionMirror, notion: FakeNotion
) -> None:
    notion.databases[SEQUENCE_ID] = sources

    with pytest.raises(Misconfigured, match="exactly one data source"):
        await mirror.show(ADA)
    assert "NOTION_EMAIL_SEQUENCE_DB_ID" in (await columns.problems(mirror))[0]


async def test_a_database_that_is_not_shared_names_the_cure(mirror: NotionMirror, notion: FakeNotion) -> None:
    del notion.databases[CONTACT_ID]

    assert await columns.problems(mirror) == [
        "Notion database BusinessX Canada: share the database BusinessX Canada with the integration, "
        "or correct NOTION_BUSINESSX_DB_ID"
    ]
    with pytest.raises(Misconfigured):
        await mirror.show(ADA)
    assert len(notion.rows("ds-sequence")) == 1


async def test_long_texts_are_cut_commas_replaced_and_long_addresses_left_out(
    make_mirror: MakeMirror, notion: FakeNotion
) -> None:
    long = "a" * 190 + "@salon.example"
    assessment = replace(ADA.assessment, first_name="😀" * 1_500, business_name="x" * 2_001, email=long)

    await make_mirror(campaigns={"christmas_2025": CampaignColumns(name="Christmas, 2025")}).show(
        replace(ADA, assessment=assessment)
    )

    [row] = notion.rows("ds-sequence")
    assert (row["Email"], row["Campaign"]) == (None, "Christmas; 2025")
    assert (row["First Name"], row["Business Name"]) == ("😀" * 1_000, "x" * 2_000)


async def test_an_address_too_long_for_notion_is_found_by_its_enrollment_id(
    make_mirror: MakeMirror, notion: FakeNotion
) -> None:
    notion.add_column("ds-sequence", "Enrollment ID", "rich_text")
    long = replace(ADA, assessment=replace(ADA.assessment, email="a" * 190 + "@salon.example"))

    await make_mirror().show(long)
    await make_mirror().show(long)

    assert len(notion.rows("ds-sequence")) == 1
