"""Faults through the real SDKs: each looks like a real one, and loses what it claims to lose."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
import resend
from notion_client import APIResponseError, AsyncClient
from notion_client.errors import RequestTimeoutError, UnknownHTTPResponseError

from tests.sandbox.mails import refusal, send, to_ada
from tests.sandbox.rows import SEQUENCE, make, names
from tests.sandbox.running import RunningSandbox, notion_sdk, running


async def set_rules(run: RunningSandbox, *rules: dict[str, Any]) -> None:
    status, answer = await run.put("/faults", list(rules))
    assert status == 200, answer


async def notion_failure(asking: Any) -> Any:
    with pytest.raises((APIResponseError, UnknownHTTPResponseError)) as raised:
        await asking
    return raised.value


# Resend


@pytest.mark.parametrize(
    ("rule", "code", "name"),
    [
        ({"kind": "rate_limited"}, 429, "rate_limit_exceeded"),
        ({"kind": "daily_quota"}, 429, "daily_quota_exceeded"),
        ({"kind": "status", "name": "monthly_quota_exceeded"}, 429, "monthly_quota_exceeded"),
        ({"kind": "concurrent"}, 409, "concurrent_idempotent_requests"),
        ({"kind": "other_payload"}, 409, "invalid_idempotent_request"),
        ({"kind": "status", "status": 500}, 500, "internal_server_error"),
        ({"kind": "unavailable"}, 503, "service_unavailable"),
        ({"kind": "domain_unverified"}, 403, "validation_error"),
        ({"kind": "status", "name": "invalid_api_key"}, 403, "invalid_api_key"),
        ({"kind": "status", "name": "restricted_api_key"}, 401, "restricted_api_key"),
        ({"kind": "status", "name": "security_error"}, 451, "security_error"),
        ({"kind": "html_502"}, 502, "application_error"),
        ({"kind": "html_200"}, 500, "application_error"),
        ({"kind": "drop"}, 500, "HttpClientError"),
        ({"kind": "drop_before"}, 500, "HttpClientError"),
    ],
)
async def test_a_fault_before_the_work_loses_no_mail(
    run: RunningSandbox, rule: dict[str, Any], code: int, name: str
) -> None:
    await set_rules(run, {"provider": "resend", "operation": "emails.send", "count": 1, **rule})
    error = await refusal(to_ada(), {"idempotency_key": "k/1"})

    assert (error.code, error.error_type) == (code, name)
    assert await run.json("/inbox.json") == []
    assert await send(to_ada(), "k/1")


@pytest.mark.parametrize("kind", ["drop_after", "error_after", "unheard_503", "html_502"])
async def test_retry_under_the_same_key_gets_the_lost_answer(run: RunningSandbox, kind: str) -> None:
    await set_rules(run, {"provider": "resend", "kind": kind, "after_commit": True, "count": 1})
    await refusal(to_ada(), {"idempotency_key": "k/1"})
    (accepted,) = await run.json("/inbox.json")

    assert await send(to_ada(), "k/1") == accepted["id"]
    assert (await run.json("/counts.json"))["mails_by_key"] == {"k/1": 1}


async def test_accepted_mail_with_a_hanging_answer_can_be_requested_again(
    run: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    await set_rules(run, {"provider": "resend", "kind": "timeout_after", "seconds": 5, "count": 1})
    monkeypatch.setattr(resend, "default_async_http_client", resend.HTTPXClient(timeout=0.2))  # type: ignore[arg-type]
    error = await refusal(to_ada(), {"idempotency_key": "k/1"})

    assert (error.code, error.error_type, error.headers) == (500, "HttpClientError", {})
    assert await send(to_ada(), "k/1") == (await run.json("/inbox.json"))[0]["id"]


async def test_fault_rule_can_be_limited_to_one_recipient(run: RunningSandbox) -> None:
    await set_rules(run, {"kind": "unavailable", "provider": "resend", "contains": "chen@x.example"})
    await refusal(to_ada(to="chen@x.example"))

    assert await send(to_ada())


async def test_a_refused_request_is_not_turned_into_a_lost_answer(run: RunningSandbox) -> None:
    await set_rules(run, {"kind": "drop_after", "provider": "resend"})

    assert (await refusal(to_ada(to="nobody"))).code == 422


# Notion


async def test_503_with_a_resource_id_names_the_committed_page(run: RunningSandbox, notion: AsyncClient) -> None:
    await set_rules(run, {"kind": "committed_503", "count": 1})
    error = await notion_failure(make(notion))

    assert (error.status, error.code) == (503, "service_unavailable")
    committed = error.additional_data["committed_resource_id"]
    assert error.additional_data["retry_guidance"]
    assert (await notion.pages.retrieve(committed))["id"] == committed
    assert await names(notion) == ["Ada"]


async def test_503_without_a_resource_id_still_commits_the_row(run: RunningSandbox, notion: AsyncClient) -> None:
    await set_rules(run, {"kind": "unheard_503", "operation": "pages.create", "count": 1})
    error = await notion_failure(make(notion))

    assert (error.status, error.additional_data, await names(notion)) == (503, None, ["Ada"])


@pytest.mark.parametrize(
    ("rule", "status", "code"),
    [
        ({"kind": "rate_limited"}, 429, "rate_limited"),
        ({"kind": "blocked"}, 429, "rate_limited"),
        ({"kind": "conflict"}, 409, "conflict_error"),
        ({"kind": "unavailable"}, 503, "service_unavailable"),
        ({"kind": "status", "status": 500}, 500, "internal_server_error"),
        ({"kind": "status", "status": 504}, 504, "gateway_timeout"),
        ({"kind": "status", "name": "unauthorized"}, 401, "unauthorized"),
        ({"kind": "status", "status": 403, "additional_data": {"block_limit": 1000}}, 403, "restricted_resource"),
    ],
)  # fmt: skip
async def test_a_notion_error_arrives_with_its_code(
    run: RunningSandbox, notion: AsyncClient, rule: dict[str, Any], status: int, code: str
) -> None:
    await set_rules(run, {"provider": "notion", "operation": "pages.create", "count": 1, **rule})
    error = await notion_failure(make(notion))

    assert (error.status, error.code) == (status, code)
    assert await names(notion) == []


async def test_a_blocked_client_learns_that_waiting_does_not_help(run: RunningSandbox, notion: AsyncClient) -> None:
    await set_rules(run, {"kind": "blocked"})
    error = await notion_failure(make(notion))

    assert error.additional_data == {"rate_limit_reason": "public_api_request_blocked"}


async def test_overload_and_proxy_error_page_are_unknown_to_the_notion_sdk(
    run: RunningSandbox, notion: AsyncClient
) -> None:
    await set_rules(run, {"kind": "overloaded", "count": 1}, {"kind": "html_502", "provider": "notion", "count": 1})
    overloaded = await notion_failure(make(notion))
    proxied = await notion_failure(make(notion))

    assert (overloaded.status, overloaded.headers["retry-after"]) == (529, "1")
    assert isinstance(overloaded, UnknownHTTPResponseError)
    assert (proxied.status, "<html>" in proxied.body) == (502, True)


async def test_the_retry_of_the_sdk_waits_as_requested(run: RunningSandbox) -> None:
    await set_rules(run, {"kind": "rate_limited", "provider": "notion", "retry_after": 0, "count": 1})
    async with notion_sdk(run, retry=True) as client:
        await make(client)

    assert (await run.json("/counts.json"))["requests"] == {"notion pages.create": 2}


async def test_a_connection_cut_after_the_commit_leaves_the_row(run: RunningSandbox, notion: AsyncClient) -> None:
    await set_rules(run, {"kind": "drop_after", "operation": "pages.create", "count": 1})
    with pytest.raises(httpx.TransportError):
        await make(notion)

    assert await names(notion) == ["Ada"]
    assert (await run.json("/counts.json"))["answers"]["notion dropped"] == 1


async def test_hanging_notion_request_times_out(run: RunningSandbox) -> None:
    await set_rules(run, {"kind": "timeout_before", "provider": "notion", "seconds": 5, "count": 1})
    async with notion_sdk(run, timeout_ms=100) as client:
        with pytest.raises(RequestTimeoutError):
            await make(client)
        assert await names(client) == []


async def test_slow_notion_request_is_answered_after_its_delay(run: RunningSandbox, notion: AsyncClient) -> None:
    await set_rules(run, {"kind": "slow", "provider": "notion", "seconds": 0.05})
    started = asyncio.get_running_loop().time()
    await make(notion)

    assert asyncio.get_running_loop().time() - started >= 0.05


# Rules


async def test_random_faults_repeat_with_the_same_seed(run: RunningSandbox) -> None:
    async def throws(seed: int) -> list[int]:
        rule = {"provider": "notion", "kind": "status", "status": 500, "probability": 0.5}
        await run.put("/faults", {"rules": [rule], "dials": {"seed": seed}})
        return [(await run.notion("GET", "/users/me"))[0] for _ in range(20)]

    first = await throws(7)
    assert set(first) == {200, 500}
    assert first == await throws(7) != await throws(8)


async def test_fault_rule_ends_after_its_count_and_shows_it(run: RunningSandbox) -> None:
    await set_rules(run, {"kind": "unavailable", "provider": "notion", "count": 2})
    statuses = [(await run.notion("GET", "/users/me"))[0] for _ in range(3)]
    (rule,) = (await run.json("/faults.json"))["rules"]

    assert (statuses, rule["count"], rule["met"]) == ([503, 503, 200], 0, 2)


async def test_rules_are_added_removed_and_cleared(run: RunningSandbox) -> None:
    for kind in ("drop_before", "html_502"):
        async with run.http.post(f"{run.url}/faults", json={"kind": kind}) as answer:
            assert answer.status == 201
    async with run.http.delete(f"{run.url}/faults") as answer:
        assert (await answer.json())["rules"] == []

    assert (await run.notion("GET", "/users/me"))[0] == 200


async def test_clearing_resets_the_dials_but_not_the_clock(run: RunningSandbox) -> None:
    await run.put("/faults", {"dials": {"resend_requests_per_second": 2, "clock_offset_seconds": 60}})
    async with run.http.delete(f"{run.url}/faults") as answer:
        dials = (await answer.json())["dials"]

    assert (dials["resend_requests_per_second"], dials["clock_offset_seconds"]) == (10, 60)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ([{"kind": "explode"}], "0.kind"),
        ([{"kind": "drop", "probability": 2}], "0.probability"),
        ([{"kind": "drop", "color": "red"}], "0.color"),
        ([{"kind": "drop", "operation": "pages.burn"}], "0"),
        ([{"kind": "status"}], "0"),
        ([{"kind": "status", "name": "no_such_error"}], "0"),
        ([{"kind": "status", "name": "conflict_error", "provider": "resend"}], "0"),
        ({"dials": {"resend_requests_per_second": 0}}, "resend_requests_per_second"),
        ({"dials": {"weather": "fine"}}, "weather"),
        ({"dials": 7}, "dials"),
        ({"rules": [], "seed": 7}, "body"),
        ("drop", "body"),
        ({"dials": {"seed": 9}, "rules": [{"kind": "explode"}]}, "0.kind"),
    ],
)
async def test_a_wrong_rule_or_dial_is_refused_by_name_and_changes_nothing(
    run: RunningSandbox, body: Any, field: str
) -> None:
    before = await run.json("/faults.json")
    status, answer = await run.put("/faults", body)

    assert (status, answer["errors"][0]["field"]) == (422, field)
    assert answer["errors"][0]["message"]
    assert await run.json("/faults.json") == before


async def test_fault_rules_and_dials_survive_a_restart(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        await run.put(
            "/faults", {"rules": [{"kind": "unavailable", "count": 2}], "dials": {"notion_query_lag_seconds": 9}}
        )
        await run.notion("GET", "/users/me")
    async with running(tmp_path) as run:
        reported = await run.json("/faults.json")

        assert (reported["rules"][0]["count"], reported["dials"]["notion_query_lag_seconds"]) == (1, 9)
        assert (await run.notion("POST", f"/data_sources/{SEQUENCE}/query", {}))[0] == 503
