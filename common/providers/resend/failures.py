"""
The failures for Resend's error table (resend.com/docs/api-reference/errors).

    400 invalid_idempotency_key, validation_error · 404 · 405 · 422 · 451   Permanent
    422 invalid_from_address, or a validation error about `from`            Misconfigured: every mail has that sender
    400 or 422 validation_error about `to`                                  Permanent, of this recipient
    401 missing_api_key, restricted_api_key                                 Misconfigured
    403 invalid_api_key, validation_error (domain)                          Misconfigured
    409 invalid_idempotent_request                                          Permanent: a dead letter, see below
    409 concurrent_idempotent_requests                                      Throttled: the first one is under way
    429 rate_limit_exceeded                                                 Throttled
    429 daily_quota_exceeded, monthly_quota_exceeded                        Misconfigured with `retry_after_ms`
    500 application_error, internal_server_error, other 5xx                 Ambiguous
    2xx that is not JSON, or without an id                                  Ambiguous

`invalid_idempotent_request` means that a mail with other bytes was accepted under this key, so the contact probably has
it, and sending again would duplicate it. The delivery becomes a dead letter; reconciliation or a person settles it.
"""

from __future__ import annotations

from collections.abc import Mapping

from resend.exceptions import ResendError

from common.errors import Failure, Misconfigured, Permanent, Throttled
from common.providers.http import DEFAULT_RETRY_AFTER_MS, retry_after_ms, status_failure, transport_failure

HOUR_MS = 3_600_000
MONTHLY_QUOTA_MS = 6 * HOUR_MS
_QUOTA_MIN_MS = 60_000

_KEY = "check the key: set a valid RESEND_API_KEY"
_QUOTA = "raise the plan, or wait: it is asked again"
_FIELD = "correct the field and replay"
_ADDRESS = "correct RESEND_API_URL"
CURES = {
    "invalid_idempotency_key": _FIELD,
    "validation_error": _FIELD,
    "missing_api_key": _KEY,
    "restricted_api_key": _KEY,
    "invalid_api_key": _KEY,
    "validation_error (403)": "check the key and EMAIL_FROM: their domain must be verified at Resend",
    "validation_error (422)": "correct EMAIL_FROM",
    "not_found": _FIELD,
    "method_not_allowed": _FIELD,
    "invalid_idempotent_request": "`advent dead list` says what to compare",
    "invalid_attachment": _FIELD,
    "invalid_access": _FIELD,
    "invalid_parameter": _FIELD,
    "invalid_region": _FIELD,
    "invalid_from_address": "correct EMAIL_FROM",
    "missing_required_field": _FIELD,
    "daily_quota_exceeded": _QUOTA,
    "monthly_quota_exceeded": _QUOTA,
    "security_error": "ask Resend's support",
    "http_403": "a proxy is in the way",
    "http_404": _ADDRESS,
    "http_302": _ADDRESS,
    "unsupported_protocol": _ADDRESS,
}
"""Cures by code, or by code and status."""

_PERMANENT = frozenset({"invalid_idempotent_request", "invalid_idempotency_key", "security_error"})
_NOT_RESEND = "application_error"
"""The SDK's name for an answer that is not JSON. Resend itself uses this name with status 500 only."""


def failure_of(error: ResendError, *, reading: bool = False) -> Failure:
    """Return the failure for an error of the SDK. `reading`: the request changes nothing."""
    cause = error.__context__
    if error.error_type == "HttpClientError" and isinstance(cause, Exception):
        # The SDK wraps what its HTTP client raises and keeps only the text; the exception itself says more.
        return cause if isinstance(cause, Failure) else transport_failure(cause, reading=reading)
    status, name, detail = _status(error.code), error.error_type, str(error.message)
    if name == _NOT_RESEND and status != 500:
        return _not_from_resend(status, error.headers)
    if name == "rate_limit_exceeded":
        return Throttled(name, detail, status=status, retry_after_ms=_wait_ms(error.headers))
    if name == "concurrent_idempotent_requests":
        return Throttled(name, detail, status=status, retry_after_ms=_wait_ms(error.headers))
    if name == "daily_quota_exceeded":
        return Misconfigured(name, detail, status=status, retry_after_ms=_daily_quota_ms(error.headers))
    if name == "monthly_quota_exceeded":
        return Misconfigured(name, detail, status=status, retry_after_ms=MONTHLY_QUOTA_MS)
    if name == "invalid_from_address" or (name == "validation_error" and "`from`" in detail):
        return Misconfigured(name, detail, status=status)
    if name == "validation_error" and status in (400, 422) and "`to`" in detail:
        return Permanent(name, detail, status=status, is_recipient=True)
    if name in _PERMANENT:
        return Permanent(name, detail, status=status)
    return status_failure(status, name, detail, headers=error.headers, reading=reading)


def _not_from_resend(status: int, headers: Mapping[str, str]) -> Failure:
    if status in (404, 405):
        return Misconfigured(f"http_{status}", "this is not Resend's API: check RESEND_API_URL", status=status)
    return status_failure(status, None, "the answer is not Resend's", headers=headers)


def _status(code: object) -> int:
    text = str(code)
    return int(text) if text.isdecimal() else 500


def _wait_ms(headers: Mapping[str, str]) -> int:
    wait_ms = retry_after_ms(headers)
    return DEFAULT_RETRY_AFTER_MS if wait_ms is None else wait_ms


def _daily_quota_ms(headers: Mapping[str, str]) -> int:
    """Return the wait until the quota's reset, an hour if unknown: below a minute it would be the rate limit's."""
    wait_ms = retry_after_ms(headers)
    return wait_ms if wait_ms is not None and wait_ms >= _QUOTA_MIN_MS else HOUR_MS
