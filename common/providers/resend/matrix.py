"""Resend's error table (resend.com/docs/api-reference/errors), and every way its answer can stay away."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from common.providers.fault import Fault, Kind, Outcome

_RETRIED = "`advent dead list`, if it lasts; `advent contact` shows each try"
_KEY = "alert `circuit_opened`; set a valid RESEND_API_KEY"
_DOMAIN = "alert `circuit_opened`; verify the domain at Resend, or correct EMAIL_FROM"
_OUR_FAULT = "`advent dead list` names the field; mend it and replay"
_QUOTA = "alert `circuit_opened`; raise the plan, or wait: it is asked again"
_CIRCUIT = "alert `circuit_opened` at once; `circuit_closed` when it is over"


def resend_faults() -> Iterator[Fault]:
    """In the order of the table."""

    def row(status: int, name: str | None, message: str, kind: Kind, outcome: Outcome, sees: str, **more: Any) -> Fault:
        more.setdefault("code", name or f"http_{status}")
        return Fault(provider="resend", answer=(status, name, message), kind=kind, outcome=outcome, sees=sees, **more)

    def silence(word: str, kind: Kind, code: str, outcome: Outcome, sees: str, **more: Any) -> Fault:
        return Fault(provider="resend", answer=word, kind=kind, code=code, outcome=outcome, sees=sees, **more)

    yield row(400, "invalid_idempotency_key", "", "Permanent", "bury", _OUR_FAULT)
    yield row(400, "validation_error", "", "Permanent", "bury", _OUR_FAULT)
    yield row(401, "missing_api_key", "", "Misconfigured", "hold all", _KEY)
    yield row(401, "restricted_api_key", "", "Misconfigured", "hold all", _KEY)
    yield row(403, "invalid_api_key", "", "Misconfigured", "hold all", _KEY)
    yield row(403, "validation_error", "the domain is not verified", "Misconfigured", "hold all", _DOMAIN)
    yield row(403, "validation_error", "only testing emails to your own", "Misconfigured", "hold all", _DOMAIN)
    yield row(404, "not_found", "", "Permanent", "bury", _OUR_FAULT)
    yield row(405, "method_not_allowed", "", "Permanent", "bury", _OUR_FAULT)
    taken = "found: nothing to do; else `advent dead list` says what to compare"
    yield row(409, "invalid_idempotent_request", "", "Permanent", "look", taken)
    busy = "nothing; the first request is still under way"
    yield row(409, "concurrent_idempotent_requests", "", "Throttled", "hold", busy, wait_ms=1_000)
    for name in ("invalid_attachment", "invalid_access", "invalid_parameter", "invalid_region"):
        yield row(422, name, "", "Permanent", "bury", _OUR_FAULT)
    yield row(
        422, "invalid_from_address", "", "Misconfigured", "hold all", "alert `circuit_opened`; correct EMAIL_FROM"
    )
    yield row(422, "missing_required_field", "", "Permanent", "bury", _OUR_FAULT)
    yield row(422, "validation_error", "invalid `to` field", "Permanent", "bury", "`advent dead list`: the address")
    sender = "alert `circuit_opened`; correct EMAIL_FROM"
    yield row(422, "validation_error", "invalid `from` field", "Misconfigured", "hold all", sender)
    slow = {"headers": {"retry-after": "3"}, "wait_ms": 3_000}
    yield row(429, "rate_limit_exceeded", "", "Throttled", "hold", "throttled attempts in the metrics", **slow)
    yield row(429, "daily_quota_exceeded", "", "Misconfigured", "hold all", _QUOTA, wait_ms=3_600_000)
    yield row(429, "monthly_quota_exceeded", "", "Misconfigured", "hold all", _QUOTA, wait_ms=21_600_000)
    yield row(451, "security_error", "", "Permanent", "bury", "`advent dead list`; ask Resend's support")
    yield row(500, "application_error", "", "Ambiguous", "retry", _RETRIED)
    yield row(500, "internal_server_error", "", "Ambiguous", "retry", _RETRIED)
    yield row(502, "bad_gateway", "", "Ambiguous", "retry", _RETRIED)
    yield row(503, "service_unavailable", "", "Ambiguous", "retry", _RETRIED)
    yield row(504, "gateway_timeout", "", "Ambiguous", "retry", _RETRIED)
    yield row(529, "service_overload", "", "Throttled", "hold", "throttled attempts in the metrics", wait_ms=1_000)
    yield row(502, None, "a page of HTML", "Ambiguous", "retry", _RETRIED)
    yield row(503, None, "a page of HTML", "Ambiguous", "retry", _RETRIED)
    yield row(429, None, "a page of HTML", "Throttled", "hold", "throttled attempts in the metrics", wait_ms=1_000)
    yield row(403, None, "a page of HTML", "Misconfigured", "hold all", "alert `circuit_opened`; a proxy is in the way")
    wrong_url = "alert `circuit_opened`; correct RESEND_API_URL"
    yield row(404, None, "a page of HTML", "Misconfigured", "hold all", wrong_url)
    yield row(302, None, "a redirect", "Misconfigured", "hold all", wrong_url)
    yield row(418, "unheard_of", "", "Permanent", "bury", _OUR_FAULT)
    yield silence("refused", "Transient", "connect", "hold all", _CIRCUIT)
    yield silence("no name", "Transient", "connect", "hold all", _CIRCUIT)
    yield silence("no tls", "Transient", "connect", "hold all", _CIRCUIT)
    yield silence("hangs", "Ambiguous", "read_timeout", "retry", _RETRIED)
    yield silence("hangs after", "Ambiguous", "read_timeout", "retry", "nothing: the next try hears of the first")
    yield silence("drips", "Ambiguous", "read_timeout", "retry", _RETRIED)
    yield silence("hangs up", "Ambiguous", "remote_protocol_error", "retry", _RETRIED)
    yield silence(
        "hangs up after", "Ambiguous", "remote_protocol_error", "retry", "nothing: the next try hears of the first"
    )
    yield silence("breaks off", "Ambiguous", "remote_protocol_error", "retry", _RETRIED)
    yield silence("html", "Ambiguous", "unreadable_answer", "retry", _RETRIED)
    yield silence("broken json", "Ambiguous", "application_error", "retry", _RETRIED)
    yield silence("empty object", "Ambiguous", "answer_without_id", "retry", _RETRIED)
    yield silence("not ours", "Misconfigured", "unsupported_protocol", "hold all", wrong_url)
