"""The imitated Notion through the real SDK: what can be written, and the error messages."""

from __future__ import annotations

from typing import Any

import pytest
from notion_client import AsyncClient

from services.sandbox.notion.columns import make_column
from tests.sandbox.rows import PARENT, SEQUENCE, make, names, refusal, row, text
from tests.sandbox.running import RunningSandbox


async def test_an_update_changes_what_it_names_and_nothing_else(notion: AsyncClient) -> None:
    page = await make(notion, **{"Red Systems": {"number": 3}})
    await notion.pages.update(
        page["id"], properties={"Email": {"email": None}, "Assessment Completed": {"checkbox": True}}
    )
    cells = (await notion.pages.retrieve(page["id"].replace("-", "")))["properties"]

    assert (cells["Email"]["email"], cells["Red Systems"]["number"]) == (None, 3)
    assert cells["Assessment Completed"]["checkbox"] is True


async def test_new_select_option_is_created_by_writing_and_kept(notion: AsyncClient) -> None:
    page = await make(notion, Campaign={"select": {"name": "Christmas 2025"}})
    again = await make(notion, "Boris", Campaign={"select": {"name": "Christmas 2025"}})
    schema = await notion.data_sources.retrieve(SEQUENCE)

    assert page["properties"]["Campaign"]["select"].keys() == {"id", "name", "color"}
    assert page["properties"]["Campaign"] == again["properties"]["Campaign"]
    assert [option["name"] for option in schema["properties"]["Campaign"]["select"]["options"]] == ["Christmas 2025"]


async def test_new_status_option_is_not_created_by_writing(run: RunningSandbox, notion: AsyncClient) -> None:
    source = run.page_store.sources[SEQUENCE]
    run.page_store.put_source(source.with_column(make_column(SEQUENCE, "State", "status", (("Not started", "gray"),))))
    page = await make(notion, State={"status": {"name": "Not started"}})
    error = await refusal(make(notion, State={"status": {"name": "Asleep"}}))

    assert page["properties"]["State"]["status"]["name"] == "Not started"
    assert (error.status, error.code) == (400, "validation_error")
    assert 'Status option "Asleep" does not exist' in str(error)


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ({"Nam": {"title": text("x")}}, "Nam is not a property that exists."),
        ({"Red Systems": {"email": "x"}}, "Red Systems is expected to be number."),
        (
            {"Red Systems": {"email": "x"}, "Nam": {"number": 1}},
            "Red Systems is expected to be number. Nam is not a property that exists.",
        ),
        (
            {"Red Systems": {"number": "3"}},
            'body failed validation: body.properties.Red Systems.number should be a number or `null`, instead was `"3"',
        ),
        ({"Red Systems": {"number": True}}, "should be a number or `null`, instead was `true`."),
        ({"Red Systems": 3}, "body.properties.Red Systems should be an object, instead was `3`."),
        ({"Red Systems": {}}, "body.properties.Red Systems.number should be defined, instead was `undefined`."),
        (
            {"Email": {"email": "x" * 201}},
            "body failed validation: body.properties.Email.email.length should be ≤ `200`, instead was `201`.",
        ),
        (
            {"First Name": {"rich_text": text("x" * 2001)}},
            "body.properties.First Name.rich_text[0].text.content.length should be ≤ `2000`, instead was `2001`.",
        ),
        ({"First Name": {"rich_text": text("🎄" * 1001)}}, "should be ≤ `2000`, instead was `2002`."),
        ({"First Name": {"rich_text": text("x") * 101}}, "rich_text.length should be ≤ `100`, instead was `101`."),
        ({"First Name": {"rich_text": "Ada"}}, "rich_text should be an array, instead was `\"Ada\"`."),
        ({"First Name": {"rich_text": [{"text": {}}]}}, "rich_text[0].text.content should be defined"),
        ({"Assessment Completed": {"checkbox": None}}, "checkbox should be a boolean, instead was `null`."),
        ({"Segment": {"select": {"name": "A, B"}}}, "Invalid select option, commas not allowed: A, B"),
        ({"Segment": {"select": {"name": "x" * 101}}}, "select.name.length should be ≤ `100`, instead was `101`."),
        ({"Segment": {"select": {"name": ""}}}, "select.name.length should be ≥ `1`"),
        ({"Segment": {"select": "CRITICAL"}}, "select should be an object or `null`"),
        ({"Signup Date": {"date": {"start": "today"}}}, 'a valid ISO 8601 date string, instead was `"today"`'),
        ({"Signup Date": {"date": {}}}, "date.start should be defined, instead was `undefined`."),
        ({"Signup Date": {"date": {"start": "2026-11-24", "time_zone": "Mars/North"}}}, "a valid IANA time zone"),
    ],
)  # fmt: skip
async def test_bad_value_is_refused_with_the_message_of_notion(
    notion: AsyncClient, properties: Any, message: str
) -> None:
    error = await refusal(notion.pages.create(parent=PARENT, properties=properties))

    assert (error.status, error.code) == (400, "validation_error")
    assert message in str(error)
    assert await names(notion) == []


async def test_values_at_the_limits_of_notion_are_accepted(notion: AsyncClient) -> None:
    page = await make(
        notion,
        **{"Email": {"email": "x" * 200}, "First Name": {"rich_text": text("x" * 2000)}, "Segment": {"select": None}},
    )

    assert len(page["properties"]["First Name"]["rich_text"][0]["plain_text"]) == 2000


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"properties": {}}, "body failed validation: body.parent should be defined, instead was `undefined`."),
        ({"parent": PARENT}, "body failed validation: body.properties should be defined, instead was `undefined`."),
        ({"parent": {"data_source_id": "x"}, "properties": {}}, "body.parent.data_source_id should be a valid uuid"),
        ({"parent": {}, "properties": {}}, "body.parent.data_source_id should be defined"),
    ],
)
async def test_notion_page_without_a_parent_or_properties_is_refused(
    run: RunningSandbox, body: Any, message: str
) -> None:
    status, answer, _ = await run.notion("POST", "/pages", body)

    assert (status, answer["code"], answer["object"]) == (400, "validation_error", "error")
    assert message in answer["message"]
    assert answer["request_id"]


async def test_a_page_in_the_trash_is_not_found_by_queries_nor_changed(notion: AsyncClient) -> None:
    page = await make(notion)
    trashed = await notion.pages.update(page["id"], in_trash=True)
    error = await refusal(notion.pages.update(page["id"], properties=row("Boris"), in_trash=True))

    assert (trashed["in_trash"], trashed["archived"], await names(notion)) == (True, True, [])
    assert (await notion.pages.retrieve(page["id"]))["in_trash"] is True
    assert "archived" in str(error)
    assert await names(notion, in_trash=True) == ["Ada"]
    await notion.pages.update(page["id"], in_trash=False)
    assert await names(notion) == ["Ada"]


async def test_writing_to_a_page_in_the_trash_is_refused(notion: AsyncClient) -> None:
    page = await make(notion)
    await notion.pages.update(page["id"], in_trash=True)
    error = await refusal(notion.pages.update(page["id"], properties=row("Boris")))

    assert (error.status, error.code) == (400, "validation_error")
