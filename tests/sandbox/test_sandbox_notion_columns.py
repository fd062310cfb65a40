"""The imitated Notion through the real SDK: columns added, renamed, changed and removed."""

from __future__ import annotations

from typing import Any

import pytest
from notion_client import AsyncClient

from tests.sandbox.rows import SEQUENCE, make, refusal, text


async def test_columns_are_added_renamed_and_removed(notion: AsyncClient) -> None:
    page = await make(notion, **{"First Name": {"rich_text": text("Ada")}})
    changed = await notion.data_sources.update(
        SEQUENCE,
        properties={
            "Time Zone": {"rich_text": {}},
            "Exit Reason": {"type": "select", "select": {"options": [{"name": "bounced", "color": "red"}]}},
            "First Name": {"name": "Given Name"},
            "Green Systems": None,
        },
    )
    read = await notion.pages.retrieve(page["id"])

    assert changed["properties"]["Time Zone"]["type"] == "rich_text"
    assert changed["properties"]["Exit Reason"]["select"]["options"][0]["name"] == "bounced"
    assert not {"First Name", "Green Systems"} & changed["properties"].keys()
    assert read["properties"]["Given Name"]["id"] == page["properties"]["First Name"]["id"]
    assert read["properties"]["Given Name"]["rich_text"][0]["plain_text"] == "Ada"


async def test_a_column_of_another_type_starts_empty(notion: AsyncClient) -> None:
    page = await make(notion, **{"Red Systems": {"number": 3}})
    await notion.data_sources.update(SEQUENCE, properties={"Red Systems": {"rich_text": {}}})

    assert (await notion.pages.retrieve(page["id"]))["properties"]["Red Systems"]["rich_text"] == []


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ({"State": {"status": {}}}, "status property is not supported"),
        ({"Name": None}, "Cannot delete the title property."),
        ({"Second": {"title": {}}}, "second title"),
        ({"Nowhere": None}, "Could not find property with name or id: Nowhere"),
        ({"Email": {"name": "Name"}}, "already exists"),
        ({"Sum": {"abacus": {}}}, "body.properties.Sum.abacus should be not present"),
    ],
)
async def test_a_bad_change_of_columns_is_refused(notion: AsyncClient, properties: Any, message: str) -> None:
    error = await refusal(notion.data_sources.update(SEQUENCE, properties=properties))

    assert (error.status, error.code) == (400, "validation_error")
    assert message in str(error)


async def test_list_of_select_options_replaces_the_old_options(notion: AsyncClient) -> None:
    options = [{"name": "CRITICAL"}, {"name": "CALM"}]
    changed = await notion.data_sources.update(SEQUENCE, properties={"Segment": {"select": {"options": options}}})

    assert [option["name"] for option in changed["properties"]["Segment"]["select"]["options"]] == ["CRITICAL", "CALM"]
