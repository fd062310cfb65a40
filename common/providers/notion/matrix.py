"""Notion's error table (developers.notion.com/reference/status-codes, request-limits), and answers that stay away."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from common.providers.fault import Fault, Kind, Outcome

_TOKEN = "alert `circuit_opened`; set a valid NOTION_TOKEN"
_ROW = "`contact_not_mirrored` in the log; `advent check` names the column"
_LAG = "mirror lag in `advent status`"


def notion_faults() -> Iterator[Fault]:
    """In the order of the table."""

    def row(status: int, name: str | None, message: str, kind: Kind, outcome: Outcome, sees: str, **more: Any) -> Fault:
        more.setdefault("code", name or f"http_{status}")
        return Fault(provider="notion", answer=(status, name, message), kind=kind, outcome=outcome, sees=sees, **more)

    def silence(word: str, kind: Kind, code: str, outcome: Outcome, sees: str, **more: Any) -> Fault:
        return Fault(provider="notion", answer=word, kind=kind, code=code, outcome=outcome, sees=sees, **more)

    for name in ("invalid_json", "invalid_request_url", "invalid_request", "missing_version", "validation_error"):
        yield row(400, name, "", "Permanent", "later", _ROW)
    yield row(401, "unauthorized", "", "Misconfigured", "hold all", _TOKEN)
    shared = "alert `circuit_opened`; let the integration write, check the block limit"
    yield row(403, "restricted_resource", "", "Misconfigured", "hold all", shared)
    unshared = "alert `circuit_opened`; share the database, `advent check` names it"
    yield row(404, "object_not_found", "", "Misconfigured", "hold all", unshared)
    yield row(409, "conflict_error", "", "Transient", "alone", _LAG, reading="Transient")
    wait = {"headers": {"retry-after": "7"}, "wait_ms": 7_000}
    yield row(429, "rate_limited", "", "Throttled", "hold", _LAG, **wait)
    blocked = {"rate_limit_reason": "public_api_request_blocked"}
    asked = "alert `circuit_opened`; ask Notion why"
    code = "public_api_request_blocked"
    yield row(429, "rate_limited", "blocked", "Misconfigured", "hold all", asked, code=code, more=blocked)
    yield row(429, None, "a page of HTML", "Throttled", "hold", _LAG, wait_ms=1_000)
    yield row(529, "service_overload", "", "Throttled", "hold", _LAG, **wait)
    for status, name in (
        (500, "internal_server_error"),
        (503, "service_unavailable"),
        (503, "database_connection_unavailable"),
        (504, "gateway_timeout"),
    ):
        yield row(status, name, "", "Ambiguous", "alone", _LAG, reading="Transient")
    yield row(502, None, "a page of HTML", "Ambiguous", "alone", _LAG, reading="Transient")
    committed = {"committed_resource_id": "…"}
    yield row(503, "service_unavailable", "with `committed_resource_id`", "none", "done", "nothing", more=committed)
    yield row(301, None, "a redirect", "Misconfigured", "hold all", "alert `circuit_opened`; correct NOTION_BASE_URL")
    held = "alert `circuit_opened` at once; `circuit_closed` when it is over"
    yield silence("refused", "Transient", "connect", "hold all", held, reading="Transient")
    yield silence("no name", "Transient", "connect", "hold all", held, reading="Transient")
    yield silence("no tls", "Transient", "connect", "hold all", held, reading="Transient")
    yield silence("hangs", "Ambiguous", "read_timeout", "alone", _LAG, reading="Transient")
    yield silence("hangs after", "Ambiguous", "read_timeout", "alone", _LAG, reading="Transient")
    yield silence("drips", "Ambiguous", "read_timeout", "alone", _LAG, reading="Transient")
    yield silence("hangs up", "Ambiguous", "remote_protocol_error", "alone", _LAG, reading="Transient")
    yield silence("hangs up after", "Ambiguous", "remote_protocol_error", "alone", _LAG, reading="Transient")
    yield silence("breaks off", "Ambiguous", "remote_protocol_error", "alone", _LAG, reading="Transient")
    yield silence("html", "Ambiguous", "unreadable_answer", "alone", _LAG, reading="Transient")
    yield silence("broken json", "Ambiguous", "unreadable_answer", "alone", _LAG, reading="Transient")
    yield silence("empty object", "Ambiguous", "unreadable_answer", "alone", _LAG, reading="Transient")
    yield silence(
        "not ours",
        "Misconfigured",
        "unsupported_protocol",
        "hold all",
        "alert `circuit_opened`; correct NOTION_BASE_URL",
    )
