"""The imitated Notion through the real SDK: access, rate limit, and persistence."""

from __future__ import annotations

from pathlib import Path

import pytest
from notion_client import AsyncClient
from notion_client.errors import UnknownHTTPResponseError

from services.sandbox.ids import SEQUENCE_DATA_SOURCE_ID
from tests.sandbox.rows import NOBODY, SEQUENCE, make, names, refusal
from tests.sandbox.running import RunningSandbox, notion_sdk, running


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "code"),
    [
        ("GET", "/users/me", {"authorization": ""}, 401, "unauthorized"),
        ("GET", "/users/me", {"authorization": "Bearer ntn_other"}, 401, "unauthorized"),
        ("GET", "/users/me", {"notion_version": ""}, 400, "missing_version"),
        ("GET", "/users/me", {"notion_version": "2022-06-28"}, 400, "validation_error"),
        ("GET", "/nowhere", {}, 400, "invalid_request_url"),
        ("DELETE", "/users/me", {}, 400, "invalid_request_url"),
        ("GET", f"/pages/{NOBODY}", {}, 404, "object_not_found"),
        ("GET", f"/databases/{NOBODY}", {}, 404, "object_not_found"),
        ("GET", f"/databases/{SEQUENCE_DATA_SOURCE_ID}", {}, 404, "object_not_found"),
        ("GET", f"/data_sources/{NOBODY}", {}, 404, "object_not_found"),
        ("GET", "/pages/ada", {}, 400, "validation_error"),
    ],
)
async def test_requests_without_access_are_refused_by_code(
    run: RunningSandbox, method: str, path: str, headers: dict[str, str], status: int, code: str
) -> None:
    got, body, _ = await run.notion(method, path, **headers)

    assert (got, body["status"], body["code"], body["object"]) == (status, status, code, "error")
    assert body["message"]
    assert body["request_id"]


async def test_unshared_notion_page_is_not_found_and_the_error_names_the_integration(notion: AsyncClient) -> None:
    error = await refusal(notion.pages.retrieve(NOBODY))

    assert str(error).startswith(
        f"Could not find page with ID: {NOBODY}. Make sure the relevant pages and databases are shared"
    )
    assert error.additional_data is not None
    assert error.additional_data["integration_id"]


async def test_a_body_that_is_no_json_is_refused(run: RunningSandbox) -> None:
    headers = {"authorization": "Bearer ntn_sandbox", "notion-version": "2025-09-03"}
    for body in (b"{", b'{"a": NaN}', b"\xff", b"[" * 100_000):
        async with run.http.post(f"{run.notion_url}/v1/pages", data=body, headers=headers) as answer:
            assert (answer.status, (await answer.json())["code"]) == (400, "invalid_json")


async def test_missing_notion_version_reaches_the_sdk_as_an_unknown_error(run: RunningSandbox) -> None:
    async with notion_sdk(run, notion_version="") as client:
        with pytest.raises(UnknownHTTPResponseError) as raised:
            await client.users.me()

    assert (raised.value.status, "missing_version" in raised.value.body) == (400, True)


async def test_notion_allows_180_requests_a_minute_and_then_asks_to_wait(run: RunningSandbox) -> None:
    run.sandbox.board.change({"notion_requests_per_minute": 180})
    for _ in range(180):
        assert (await run.notion("GET", "/users/me"))[0] == 200
    run.clock.advance(18_500)
    status, body, headers = await run.notion("GET", "/users/me")

    assert (status, body["code"], headers["Retry-After"]) == (429, "rate_limited", "42")
    assert body["additional_data"] == {"rate_limit_reason": "public_api_request_rate_limit", "retry_after": "42"}
    run.clock.advance(41_500)
    assert (await run.notion("GET", "/users/me"))[0] == 200


async def test_the_rows_are_listed_as_plain_values(run: RunningSandbox, notion: AsyncClient) -> None:
    page = await make(notion, Segment={"select": {"name": "CRITICAL"}})
    reported = await run.json("/notion.json")

    assert reported.keys() == {"Email Sequence", "BusinessX Canada"}
    (line,) = reported["Email Sequence"]
    assert (line["id"], line["in_trash"], line["edited_ms"]) == (page["id"], False, run.clock.now_ms())
    assert (line["properties"]["Email"], line["properties"]["Segment"]) == ("ada@x.example", "CRITICAL")


async def test_notion_rows_and_columns_survive_a_restart(tmp_path: Path) -> None:
    async with running(tmp_path) as run, notion_sdk(run) as notion:
        page = await make(notion, Campaign={"select": {"name": "Christmas 2025"}})
        await notion.data_sources.update(SEQUENCE, properties={"Time Zone": {"rich_text": {}}})
    async with running(tmp_path) as run, notion_sdk(run) as notion:
        read = await notion.pages.retrieve(page["id"])
        again = await make(notion, "Boris")

        assert read["properties"]["Campaign"]["select"] == page["properties"]["Campaign"]["select"]
        assert "Time Zone" in read["properties"]
        assert await names(notion) == ["Boris", "Ada"]
        assert list(await run.json("/notion.json")) == ["Email Sequence", "BusinessX Canada"]
        assert again["id"] != page["id"]


async def test_notion_dates_lose_their_seconds_only_with_the_dial(run: RunningSandbox, notion: AsyncClient) -> None:
    when = {"Signup Date": {"date": {"start": "2026-11-24T09:09:42.123Z"}}}
    exact = await make(notion, **when)
    run.sandbox.board.change({"notion_minute_dates": True})
    cut = await make(notion, **when)

    assert exact["properties"]["Signup Date"]["date"]["start"] == "2026-11-24T09:09:42.123+00:00"
    assert cut["properties"]["Signup Date"]["date"]["start"] == "2026-11-24T09:09:00.000+00:00"
