"""The imitated Notion through the real SDK: filters, sorts, pages, the cap and the lag."""

from __future__ import annotations

from typing import Any

import pytest
from notion_client import AsyncClient
from notion_client.helpers import async_collect_paginated_api

from tests.sandbox.rows import NOBODY, PARENT, SEQUENCE, make, names, text
from tests.sandbox.running import RunningSandbox


@pytest.fixture
async def people(notion: AsyncClient) -> None:
    """Ada, Boris and Chen, in this order, and a row with nothing but a name."""
    for name, score, segment, day in (
        ("Ada", 38, "CRITICAL", "2026-11-24T09:09:00Z"),
        ("Boris", 57, "URGENT", "2026-11-25T23:30:00-05:00"),
        ("Chen", 81, "OPTIMIZE", "2026-11-26"),
    ):
        await make(
            notion,
            name,
            **{
                "First Name": {"rich_text": text(f"{name} the {segment.lower()}")},
                "Assessment Score": {"number": score},
                "Segment": {"select": {"name": segment}},
                "Signup Date": {"date": {"start": day}},
                "Assessment Completed": {"checkbox": name == "Ada"},
            },
        )
    await notion.pages.create(parent=PARENT, properties={"Name": {"title": text("Blank")}})


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"property": "Email", "email": {"equals": "boris@x.example"}}, "Boris"),
        ({"property": "Email", "email": {"equals": "nobody@x.example"}}, ""),
        ({"property": "Email", "email": {"does_not_equal": "ada@x.example"}}, "Boris Chen Blank"),
        ({"property": "Email", "email": {"ends_with": "@x.example"}}, "Ada Boris Chen"),
        ({"property": "Email", "email": {"is_empty": True}}, "Blank"),
        ({"property": "title", "title": {"starts_with": "b"}}, "Boris Blank"),
        ({"property": "First Name", "rich_text": {"contains": "THE"}}, "Ada Boris Chen"),
        ({"property": "First Name", "rich_text": {"does_not_contain": "urgent"}}, "Ada Chen Blank"),
        ({"property": "First Name", "rich_text": {"is_not_empty": True}}, "Ada Boris Chen"),
        ({"property": "Assessment Score", "number": {"greater_than": 57}}, "Chen"),
        ({"property": "Assessment Score", "number": {"greater_than_or_equal_to": 57}}, "Boris Chen"),
        ({"property": "Assessment Score", "number": {"less_than_or_equal_to": 38.0}}, "Ada"),
        ({"property": "Assessment Score", "number": {"greater_than": 38, "less_than": 81}}, "Boris"),
        ({"property": "Segment", "select": {"equals": "URGENT"}}, "Boris"),
        ({"property": "Segment", "select": {"equals": "NONE SUCH"}}, ""),
        ({"property": "Segment", "select": {"is_empty": True}}, "Blank"),
        ({"property": "Assessment Completed", "checkbox": {"equals": False}}, "Boris Chen Blank"),
        ({"property": "Assessment Completed", "checkbox": {"does_not_equal": False}}, "Ada"),
        ({"property": "Signup Date", "date": {"equals": "2026-11-26"}}, "Boris Chen"),
        ({"property": "Signup Date", "date": {"equals": "2026-11-24T09:09:00Z"}}, "Ada"),
        ({"property": "Signup Date", "date": {"before": "2026-11-26"}}, "Ada"),
        ({"property": "Signup Date", "date": {"on_or_before": "2026-11-24"}}, "Ada"),
        ({"property": "Signup Date", "date": {"after": "2026-11-24"}}, "Boris Chen"),
        ({"property": "Signup Date", "date": {"on_or_after": "2026-11-26T04:30:00Z"}}, "Boris"),
        ({"property": "Signup Date", "date": {"is_empty": True}}, "Blank"),
        ({"timestamp": "created_time", "created_time": {"past_week": {}}}, "Ada Boris Chen Blank"),
        ({"timestamp": "last_edited_time", "last_edited_time": {"before": "2020-01-01"}}, ""),
        ({"and": []}, "Ada Boris Chen Blank"),
        (
            {
                "and": [
                    {"property": "Assessment Score", "number": {"less_than": 80}},
                    {
                        "or": [
                            {"property": "Segment", "select": {"equals": "URGENT"}},
                            {"property": "Segment", "select": {"equals": "OPTIMIZE"}},
                        ]
                    },
                ]
            },
            "Boris",
        ),
    ],
)
async def test_notion_filter_finds_matching_rows(notion: AsyncClient, asked: Any, found: str) -> None:
    assert (await names(notion, filter=asked))[::-1] == found.split()


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"filter": {"property": "Mail", "email": {"equals": "x"}}}, "Could not find property with name or id: Mail"),
        ({"sorts": [{"property": "Mail"}]}, "Could not find property with name or id: Mail"),
        (
            {"filter": {"property": "Email", "title": {"equals": "x"}}},
            "property email does not match filter title",
        ),
        ({"filter": {"property": "Email"}}, "body.filter.email should be defined, instead was `undefined`."),
        ({"filter": {"property": "Email", "email": {}}}, "body.filter.email should be an object"),
        ({"filter": {"property": "Email", "email": {"equal": "x"}}}, "body.filter.email.equal should be not present"),
        ({"filter": {"property": "Email", "email": {"equals": 1}}}, "body.filter.email.equals should be a string"),
        ({"filter": {"property": "Email", "email": {"is_empty": False}}}, "should be `true`"),
        ({"filter": {"email": {"equals": "x"}}}, "body.filter.property should be defined"),
        ({"filter": {"or": [{"and": [{"or": []}]}]}}, "body.filter.or[0].and[0].or should be not present"),
        ({"filter": {"property": "Red Systems", "number": {"equals": "3"}}}, "should be a number"),
        ({"filter": {"property": "Signup Date", "date": {"before": "soon"}}}, "a valid ISO 8601 date string"),
        ({"page_size": 101}, "body failed validation: body.page_size should be ≤ `100`, instead was `101`."),
        ({"page_size": 0}, "body.page_size should be ≥ `1`"),
        ({"start_cursor": "x"}, "body.start_cursor should be a valid uuid"),
        ({"start_cursor": NOBODY}, "The start_cursor provided is invalid"),
        ({"sorts": [{"property": "Email", "direction": "up"}]}, "body.sorts[0].direction should be"),
        ({"filters": {}}, "body.filters should be not present"),
    ],
)
async def test_bad_query_is_refused_with_the_message_of_notion(run: RunningSandbox, query: Any, message: str) -> None:
    status, answer, _ = await run.notion("POST", f"/data_sources/{SEQUENCE}/query", query)

    assert (status, answer["code"]) == (400, "validation_error")
    assert message in answer["message"]


@pytest.mark.usefixtures("people")
async def test_sorts_apply_in_order_and_leave_empty_cells_last(notion: AsyncClient) -> None:
    by_score = [{"property": "Assessment Score", "direction": "descending"}]
    by_age = [{"timestamp": "created_time", "direction": "ascending"}]
    by_two = [
        {"property": "Assessment Completed", "direction": "descending"},
        {"property": "Name", "direction": "ascending"},
    ]

    assert await names(notion, sorts=by_score) == ["Chen", "Boris", "Ada", "Blank"]
    assert await names(notion, sorts=[{"property": "Assessment Score"}]) == ["Ada", "Boris", "Chen", "Blank"]
    assert await names(notion, sorts=by_two) == ["Ada", "Blank", "Boris", "Chen"]
    assert await names(notion, sorts=by_age) == ["Ada", "Boris", "Chen", "Blank"]
    assert (await names(notion, sorts=[{"property": "Segment"}]))[-1] == "Blank"


async def test_long_query_result_is_split_into_pages_of_a_hundred(notion: AsyncClient) -> None:
    for number in range(103):
        await make(notion, f"N{number}")
    first = await notion.data_sources.query(SEQUENCE)
    last = await notion.data_sources.query(SEQUENCE, start_cursor=first["next_cursor"])
    everything = await async_collect_paginated_api(notion.data_sources.query, data_source_id=SEQUENCE, page_size=40)

    assert first.keys() == {
        "object", "results", "next_cursor", "has_more", "type", "page_or_data_source", "request_id",
    }  # fmt: skip
    assert (len(first["results"]), first["has_more"]) == (100, True)
    assert (len(last["results"]), last["has_more"], last["next_cursor"]) == (3, False, None)
    assert len({page["id"] for page in everything}) == 103


async def test_a_query_stops_at_the_cap_and_is_marked_incomplete(run: RunningSandbox, notion: AsyncClient) -> None:
    run.sandbox.board.change({"notion_rows_max": 3})
    for number in range(4):
        await make(notion, f"N{number}")
    first = await notion.data_sources.query(SEQUENCE, page_size=2)
    last = await notion.data_sources.query(SEQUENCE, page_size=2, start_cursor=first["next_cursor"])

    assert "request_status" not in first
    assert (len(last["results"]), last["has_more"]) == (1, False)
    assert last["request_status"] == {"type": "incomplete", "incomplete_reason": "query_result_limit_reached"}


async def test_only_the_requested_properties_are_returned(notion: AsyncClient) -> None:
    page = await make(notion)
    wanted = page["properties"]["Orange Systems"]["id"]
    read = await notion.pages.retrieve(page["id"], filter_properties=[wanted, "title"])
    found = await notion.data_sources.query(SEQUENCE, filter_properties=[wanted])

    assert read["properties"].keys() == {"Orange Systems", "Name"}
    assert found["results"][0]["properties"].keys() == {"Orange Systems"}


async def test_a_lagging_query_sees_neither_new_rows_nor_new_values(run: RunningSandbox, notion: AsyncClient) -> None:
    run.sandbox.board.change({"notion_query_lag_seconds": 5})
    page = await make(notion)
    assert (await names(notion), (await notion.pages.retrieve(page["id"]))["id"]) == ([], page["id"])
    run.clock.advance(5_000)
    assert await names(notion) == ["Ada"]
    await notion.pages.update(page["id"], properties={"Name": {"title": text("Ada L.")}})
    assert await names(notion) == ["Ada"]
    run.clock.advance(5_000)
    assert await names(notion) == ["Ada L."]


async def test_query_without_a_filter_is_answered_and_counted_as_suspicious(
    run: RunningSandbox, notion: AsyncClient
) -> None:
    await make(notion)
    assert await names(notion, filters={"property": "Email", "email": {"equals": "nobody"}}) == ["Ada"]

    (noted,) = (await run.json("/counts.json"))["suspicious"]
    assert (noted["what"], noted["data_source"]) == ("query without a filter", "Email Sequence")


async def test_two_rows_of_one_person_are_possible_as_in_notion(notion: AsyncClient) -> None:
    await make(notion)
    await make(notion)

    assert await names(notion, filter={"property": "Email", "email": {"equals": "ada@x.example"}}) == ["Ada", "Ada"]
