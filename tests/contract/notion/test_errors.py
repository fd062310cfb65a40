"""Every documented error of Notion is one kind of failure for a read and one for a write."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from common.errors import Ambiguous, Failure, Misconfigured, Permanent, Throttled, Transient
from common.providers.cures import cure_of
from common.providers.notion.mirror import NotionMirror
from tests.contract.notion.people import ADA, MakeMirror, Patience, error, failure_of
from tests.contract.notion_fake import FakeNotion
from tests.contract.scripted import Answer, hangs, hangs_up, nobody_listens, says

CASES = Path(__file__).parents[2] / "fixtures" / "cases"

BOTH: list[tuple[Answer, type[Failure], type[Failure], str]] = [
    (error(400, "invalid_json"), Permanent, Permanent, "invalid_json"),
    (error(400, "invalid_request_url"), Permanent, Permanent, "invalid_request_url"),
    (error(400, "invalid_request"), Permanent, Permanent, "invalid_request"),
    (error(400, "missing_version"), Permanent, Permanent, "missing_version"),
    (error(401, "unauthorized"), Misconfigured, Misconfigured, "unauthorized"),
    (error(403, "restricted_resource"), Misconfigured, Misconfigured, "restricted_resource"),
    (error(404, "object_not_found"), Misconfigured, Misconfigured, "object_not_found"),
    (error(409, "conflict_error"), Transient, Transient, "conflict_error"),
    (error(429, "rate_limited"), Throttled, Throttled, "rate_limited"),
    (says(429, "<html>slow down"), Throttled, Throttled, "http_429"),
    (error(529, "service_overload"), Throttled, Throttled, "service_overload"),
    (
        error(429, "rate_limited", {"rate_limit_reason": "public_api_request_blocked"}),
        Misconfigured,
        Misconfigured,
        "public_api_request_blocked",
    ),
    (error(500, "internal_server_error"), Transient, Ambiguous, "internal_server_error"),
    (says(502, "<html>bad gateway"), Transient, Ambiguous, "http_502"),
    (error(503, "service_unavailable"), Transient, Ambiguous, "service_unavailable"),
    (error(503, "database_connection_unavailable"), Transient, Ambiguous, "database_connection_unavailable"),
    (error(504, "gateway_timeout"), Transient, Ambiguous, "gateway_timeout"),
    (says(200, "<html>welcome"), Transient, Ambiguous, "unreadable_answer"),
    (says(200, []), Transient, Ambiguous, "unreadable_answer"),
    (says(200, {"object": "list", "results": None}), Transient, Ambiguous, "unreadable_answer"),
    (says(301, "", {"Location": "/"}), Misconfigured, Misconfigured, "http_301"),
    (hangs(), Transient, Ambiguous, "read_timeout"),
    (hangs_up(), Transient, Ambiguous, "remote_protocol_error"),
]


@pytest.mark.parametrize(("answer", "reading", "writing", "code"), BOTH)
async def test_each_error_is_one_kind_of_failure(
    answer: Answer, reading: type, writing: type, code: str, make_mirror: MakeMirror, notion: FakeNotion
) -> None:
    mirror = make_mirror(contact_db=None)
    for pattern, kind in (("/query", reading), ("POST pages", writing)):
        notion.fails(pattern, answer)
        failure = await failure_of(mirror)

        assert (type(failure), failure.code) == (kind, code)


async def test_a_value_that_is_refused_twice_is_permanent(mirror: NotionMirror, notion: FakeNotion) -> None:
    notion.fails("POST pages", error(400, "validation_error"), times=2)

    failure = await failure_of(mirror)

    assert (type(failure), failure.code) == (Permanent, "validation_error")
    assert notion.asked.count("GET data_sources/ds-sequence") == 2


@pytest.mark.parametrize(
    ("answer", "wait_ms"),
    [
        (error(429, "rate_limited", headers={"Retry-After": "7"}), 7_000),
        (error(429, "rate_limited", {"retry_after": "9"}), 9_000),
        (error(529, "service_overload", headers={"Retry-After": "0.5"}), 500),
        (error(529, "service_overload"), 1_000),
    ],
)
async def test_wait_demanded_by_notion_applies_to_all_requests(
    answer: Answer, wait_ms: int, mirror: NotionMirror, notion: FakeNotion, budget: Patience
) -> None:
    notion.fails("/query", answer)

    failure = await failure_of(mirror)

    assert isinstance(failure, Throttled)
    assert failure.retry_after_ms == wait_ms
    assert budget.pushed == [wait_ms]
    assert notion.asked.count("POST data_sources/ds-contact/query") == 0


async def test_refusal_by_the_network_edge_of_notion_is_no_permission_problem(
    mirror: NotionMirror, notion: FakeNotion
) -> None:
    head, _, page = (CASES / "n66_edge_403.http").read_text().partition("\n\n")
    ray = re.search(r"cf-ray: (\S+)", head)
    assert ray
    notion.fails("/query", says(403, page, {"cf-ray": ray[1]}))

    failure = await failure_of(mirror)

    assert (type(failure), failure.code, failure.status) == (Transient, "network_edge", 403)
    assert ray[1] in failure.detail
    assert "integration" not in failure.detail
    assert cure_of("notion", "network_edge (403)") == ""


async def test_a_refused_connection_sent_nothing(make_mirror: MakeMirror) -> None:
    async with nobody_listens() as url:
        failure = await failure_of(make_mirror(base_url=url))

    assert (type(failure), failure.code) == (Transient, "connect")


async def test_each_request_takes_from_the_budget(mirror: NotionMirror, notion: FakeNotion, budget: Patience) -> None:
    await mirror.show(ADA)

    assert budget.taken == len(notion.asked)
