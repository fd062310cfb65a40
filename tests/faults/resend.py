"""Resend's error table (resend.com/docs/api-reference/errors), and every way in which its answer can be missing."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from tests.faults.matrix import Fault, Provider, fault

HTML = "a page of HTML"
_row = partial(fault, "resend")


def _faults() -> Iterator[Fault]:
    yield _row((400, "invalid_idempotency_key", ""), "Permanent", "dead")
    yield _row((400, "validation_error", ""), "Permanent", "dead")
    yield _row((401, "missing_api_key", ""), "Misconfigured", "hold all")
    yield _row((401, "restricted_api_key", ""), "Misconfigured", "hold all")
    yield _row((403, "invalid_api_key", ""), "Misconfigured", "hold all")
    yield _row((403, "validation_error", "the domain is not verified"), "Misconfigured", "hold all")
    yield _row((403, "validation_error", "only testing emails to your own"), "Misconfigured", "hold all")
    yield _row((404, "not_found", ""), "Permanent", "dead")
    yield _row((405, "method_not_allowed", ""), "Permanent", "dead")
    yield _row((409, "invalid_idempotent_request", ""), "Permanent", "look up")
    yield _row((409, "concurrent_idempotent_requests", ""), "Throttled", "hold", wait_ms=1_000)
    yield _row((422, "invalid_attachment", ""), "Permanent", "dead")
    yield _row((422, "invalid_access", ""), "Permanent", "dead")
    yield _row((422, "invalid_parameter", ""), "Permanent", "dead")
    yield _row((422, "invalid_region", ""), "Permanent", "dead")
    yield _row((422, "invalid_from_address", ""), "Misconfigured", "hold all")
    yield _row((422, "missing_required_field", ""), "Permanent", "dead")
    yield _row((422, "validation_error", "invalid `to` field"), "Permanent", "end")
    yield _row((422, "validation_error", "invalid `from` field"), "Misconfigured", "hold all")
    slow = {"retry-after": "3"}
    yield _row((429, "rate_limit_exceeded", ""), "Throttled", "hold", headers=slow, wait_ms=3_000)
    yield _row((429, "daily_quota_exceeded", ""), "Misconfigured", "hold all", wait_ms=3_600_000)
    yield _row((429, "monthly_quota_exceeded", ""), "Misconfigured", "hold all", wait_ms=21_600_000)
    yield _row((451, "security_error", ""), "Permanent", "dead")
    yield _row((500, "application_error", ""), "Ambiguous", "retry")
    yield _row((500, "internal_server_error", ""), "Ambiguous", "retry")
    yield _row((502, "bad_gateway", ""), "Ambiguous", "retry")
    yield _row((503, "service_unavailable", ""), "Ambiguous", "retry")
    yield _row((504, "gateway_timeout", ""), "Ambiguous", "retry")
    yield _row((529, "service_overload", ""), "Throttled", "hold", wait_ms=1_000)
    yield _row((502, None, HTML), "Ambiguous", "retry")
    yield _row((503, None, HTML), "Ambiguous", "retry")
    yield _row((429, None, HTML), "Throttled", "hold", wait_ms=1_000)
    yield _row((403, None, HTML), "Misconfigured", "hold all")
    yield _row((404, None, HTML), "Misconfigured", "hold all")
    yield _row((302, None, "a redirect"), "Misconfigured", "hold all")
    yield _row((418, "unheard_of", ""), "Permanent", "dead")
    yield _row("refused", "Transient", "hold all", "connect")
    yield _row("no name", "Transient", "hold all", "connect")
    yield _row("no tls", "Transient", "hold all", "connect")
    yield _row("hangs", "Ambiguous", "retry", "read_timeout")
    yield _row("hangs after", "Ambiguous", "retry", "read_timeout")
    yield _row("drips", "Ambiguous", "retry", "read_timeout")
    yield _row("hangs up", "Ambiguous", "retry", "remote_protocol_error")
    yield _row("hangs up after", "Ambiguous", "retry", "remote_protocol_error")
    yield _row("breaks off", "Ambiguous", "retry", "remote_protocol_error")
    yield _row("html", "Ambiguous", "retry", "unreadable_answer")
    yield _row("broken json", "Ambiguous", "retry", "application_error")
    yield _row("empty object", "Ambiguous", "retry", "answer_without_id")
    yield _row("not ours", "Misconfigured", "hold all", "unsupported_protocol")


RESEND = Provider(
    title="Resend",
    what="the mail",
    becomes={
        "retry": "up to 4 attempts, 60 s apart, then a dead letter; three deliveries in a row that fail hold all mail",
        "hold": "deferred until the time that the provider names; no attempt is counted",
        "hold all": "all mail is deferred, no attempt is counted; one mail at a time probes the provider",
        "dead": "a dead letter at once; the next steps continue",
        "end": "a dead letter at once; the sequence ends with the reason *refused*, and the address is suppressed",
        "look up": "looked up in Resend's list: accepted if it is there, otherwise a dead letter",
    },
    sees={
        "retry": "`advent contact` shows each attempt; `advent dead list`, if it lasts",
        "hold": "throttled attempts in the metrics",
        "hold all": "`circuit_opened` in the log, alert `ResendCircuitOpen` after 5 min; `circuit_closed` at the end",
        "dead": "`advent dead list` names the field",
        "end": "`advent dead list` names the field; `advent contact` says why it ended",
        "look up": "`advent dead list`, if it is not found",
    },
    faults=tuple(_faults()),
)
