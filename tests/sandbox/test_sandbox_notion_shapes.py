"""The imitated Notion through the real SDK: its objects, member by member."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from notion_client import AsyncClient

from services.sandbox.ids import CONTACT_DATABASE_ID, SEQUENCE_DATABASE_ID
from tests.sandbox.rows import PARENT, SEQUENCE, make, refusal, row, text


@pytest.mark.parametrize(
    ("database_id", "columns"),
    [
        (
            SEQUENCE_DATABASE_ID,
            {
                "Name": "title",
                "Email": "email",
                "First Name": "rich_text",
                "Business Name": "rich_text",
                "Assessment Score": "number",
                "Red Systems": "number",
                "Orange Systems": "number",
                "Yellow Systems": "number",
                "Green Systems": "number",
                "Campaign": "select",
                "Segment": "select",
                "Signup Date": "date",
                **{f"Email {number} Sent": "date" for number in range(1, 8)},
                "Assessment Completed": "checkbox",
                "Sequence Completed": "checkbox",
            },
        ),
        (
            CONTACT_DATABASE_ID,
            {
                "Name": "title",
                "email": "email",
                "Assessment Score": "number",
                "Segment": "select",
                "Christmas Campaign Status": "select",
                "Booking Status": "select",
                "Diagnostic Call Date": "date",
            },
        ),
    ],
)
async def test_both_notion_databases_exist_with_the_columns_of_the_contract(
    notion: AsyncClient, database_id: str, columns: dict[str, str]
) -> None:
    database = await notion.databases.retrieve(database_id.replace("-", ""))
    (source,) = database["data_sources"]
    schema = await notion.data_sources.retrieve(source["id"])

    assert "properties" not in database
    assert {name: column["type"] for name, column in schema["properties"].items()} == columns


PAGE_KEYS = {
    "object", "id", "created_time", "last_edited_time", "created_by", "last_edited_by", "cover", "icon", "parent",
    "in_trash", "is_archived", "is_locked", "properties", "url", "public_url", "archived", "request_id",
}  # fmt: skip


async def test_a_page_has_the_recorded_shape(notion: AsyncClient) -> None:
    page = await make(notion, "Guest User", **{"Signup Date": {"date": {"start": "2026-11-24T09:09:00Z"}}})
    cells = page["properties"]

    assert page.keys() == PAGE_KEYS
    assert page["parent"] == {**PARENT, "database_id": SEQUENCE_DATABASE_ID}
    assert page["url"] == f"https://app.notion.com/p/Guest-User-{page['id'].replace('-', '')}"
    assert page["created_time"].endswith(":00.000Z")
    assert cells["Name"]["id"] == "title"
    assert cells["Name"]["title"][0].keys() == {"type", "text", "annotations", "plain_text", "href"}
    assert cells["Email"].keys() == {"id", "type", "email"}
    assert cells["Signup Date"]["date"] == {"start": "2026-11-24T09:09:00.000+00:00", "end": None, "time_zone": None}


async def test_empty_cells_read_back_empty(notion: AsyncClient) -> None:
    cells = (await notion.pages.create(parent=PARENT, properties={}))["properties"]

    assert (cells["Name"]["title"], cells["Business Name"]["rich_text"]) == ([], [])
    assert (cells["Email"]["email"], cells["Red Systems"]["number"], cells["Segment"]["select"]) == (None, None, None)
    assert (cells["Signup Date"]["date"], cells["Assessment Completed"]["checkbox"]) == (None, False)


async def test_column_ids_are_url_encoded_and_accepted_as_property_names(notion: AsyncClient) -> None:
    schema = await notion.data_sources.retrieve(SEQUENCE)
    ids = {name: column["id"] for name, column in schema["properties"].items()}
    assert "%" in ids["Orange Systems"]

    for taken in (ids["Orange Systems"], unquote(ids["Orange Systems"])):
        properties = {"title": {"title": text("Ada")}, taken: {"number": 2}}
        page = await notion.pages.create(parent=PARENT, properties=properties)
        assert {"id": ids["Orange Systems"], "type": "number", "number": 2} == page["properties"]["Orange Systems"]


async def test_a_row_may_be_created_by_database_only_with_one_source(notion: AsyncClient) -> None:
    parent = {"database_id": SEQUENCE_DATABASE_ID}
    page = await notion.pages.create(parent=parent, properties=row())
    await notion.data_sources.create(parent=parent, title=text("Another"), properties={"Title": {"title": {}}})
    error = await refusal(notion.pages.create(parent=parent, properties=row()))

    assert page["parent"]["data_source_id"] == SEQUENCE
    assert len((await notion.databases.retrieve(SEQUENCE_DATABASE_ID))["data_sources"]) == 2
    assert "multiple data sources" in str(error)


async def test_the_integration_reads_its_own_user(notion: AsyncClient) -> None:
    assert (await notion.users.me())["type"] == "bot"
