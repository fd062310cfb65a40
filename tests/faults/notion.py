"""Notion's error table (developers.notion.com/reference/status-codes, request-limits), and answers that are missing."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from tests.faults.matrix import Fault, Provider, fault

HTML = "a page of HTML"
_row = partial(fault, "notion")
_one_row = partial(_row, kind="Ambiguous", outcome="alone", reading="Transient")


def _faults() -> Iterator[Fault]:
    for name in ("invalid_json", "invalid_request_url", "invalid_request", "missing_version", "validation_error"):
        yield _row((400, name, ""), "Permanent", "later")
    yield _row((401, "unauthorized", ""), "Misconfigured", "hold all")
    yield _row((403, "restricted_resource", ""), "Misconfigured", "hold all")
    yield _row((404, "object_not_found", ""), "Misconfigured", "hold all")
    yield _row((409, "conflict_error", ""), "Transient", "alone", reading="Transient")
    slow = {"retry-after": "7"}
    yield _row((429, "rate_limited", ""), "Throttled", "hold", headers=slow, wait_ms=7_000)
    blocked = {"rate_limit_reason": "public_api_request_blocked"}
    yield _row(
        (429, "rate_limited", "blocked"), "Misconfigured", "hold all", "public_api_request_blocked", more=blocked
    )
    yield _row((429, None, HTML), "Throttled", "hold", wait_ms=1_000)
    yield _row((529, "service_overload", ""), "Throttled", "hold", headers=slow, wait_ms=7_000)
    yield _one_row((500, "internal_server_error", ""))
    yield _one_row((503, "service_unavailable", ""))
    yield _one_row((503, "database_connection_unavailable", ""))
    yield _one_row((504, "gateway_timeout", ""))
    yield _one_row((502, None, HTML))
    committed = {"committed_resource_id": "…"}
    yield _row((503, "service_unavailable", "with `committed_resource_id`"), "none", "done", more=committed)
    yield _row((301, None, "a redirect"), "Misconfigured", "hold all")
    for word in ("refused", "no name", "no tls"):
        yield _row(word, "Transient", "hold all", "connect", reading="Transient")
    for word, code in (
        ("hangs", "read_timeout"),
        ("hangs after", "read_timeout"),
        ("drips", "read_timeout"),
        ("hangs up", "remote_protocol_error"),
        ("hangs up after", "remote_protocol_error"),
        ("breaks off", "remote_protocol_error"),
        ("html", "unreadable_answer"),
        ("broken json", "unreadable_answer"),
        ("empty object", "unreadable_answer"),
    ):
        yield _one_row(word, code=code)
    yield _row("not ours", "Misconfigured", "hold all", "unsupported_protocol")


NOTION = Provider(
    title="Notion",
    what="the row",
    becomes={
        "hold": "all rows wait until the time that Notion names; nothing is lost",
        "hold all": "the mirror waits and is probed; mail continues, changes are written afterwards",
        "alone": "this row again after 5 s, then less often; three contacts in a row that fail so hold the mirror",
        "later": "this row again after 10 min; no other row waits",
        "done": "nothing is wrong: the page that the answer names is the row",
    },
    sees={
        "hold": "mirror lag in `advent status`",
        "hold all": "`circuit_opened` in the log, alert `NotionCircuitOpen` after 15 min; `circuit_closed` at the end",
        "alone": "mirror lag in `advent status`",
        "later": "`contact_not_mirrored` in the log",
        "done": "nothing",
    },
    faults=tuple(_faults()),
)
