"""
The failures for Twilio's codes (twilio.com/docs/api/errors), and what a person can do about them.

    20429, 21611 · 30022                                   Throttled: all SMS wait
    60728 (of the hour), 63038 (of the day)                Misconfigured until the limit ends: all SMS wait
    20003, 20404, 21212, 21603, 21606, 21659, 21660, 30032, 30034   Misconfigured: account, sender or registration
    21211, 21614, 30006                                    Permanent, of this number
    21610                                                  Permanent, of this number: its owner answered STOP
    21408, 21612 and every other 4xx                       Permanent: a dead letter
    5xx, no answer, a success that is not JSON             Ambiguous: searched for in the list, never repeated

`Messages.create` has no idempotency key, so an SMS that may have been accepted is never sent again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from common.errors import Failure, Misconfigured, Permanent, Throttled
from common.providers.http import DEFAULT_RETRY_AFTER_MS, retry_after_ms, status_failure

HOUR_MS = 3_600_000

THROTTLED: Final = frozenset({20429, 21611, 30022})
LIMITS: Final = frozenset({60728, 63038})
MISCONFIGURED: Final = frozenset({20003, 20404, 21212, 21603, 21606, 21659, 21660, 30032, 30034})
OF_NUMBER: Final = frozenset({21211, 21614, 30006})
OPTED_OUT: Final = 21610
FILTERED: Final = 30007
"""A carrier filtered the text; it would do so for every recipient."""

_KEY = "check the key: set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN of one account"
_SENDER = "set TWILIO_FROM to a number or a messaging service of this account that may send SMS"
_REGISTRATION = "register the sender at Twilio; unregistered ones are blocked"
_ADDRESS = "correct TWILIO_API_URL"
CURES: Mapping[str, str] = {
    "twilio_20003": _KEY,
    "twilio_20404": "correct TWILIO_ACCOUNT_SID or TWILIO_API_URL",
    **dict.fromkeys(("twilio_21212", "twilio_21603", "twilio_21606", "twilio_21659", "twilio_21660"), _SENDER),
    **dict.fromkeys(("twilio_30032", "twilio_30034"), _REGISTRATION),
    "twilio_21408": "allow SMS to this region in Twilio's geographic permissions, and replay",
    "twilio_21612": "choose a TWILIO_FROM that reaches this region, and replay",
    "twilio_60728": "raise the limit at Twilio, or wait: it is asked again",
    "twilio_63038": "raise the limit at Twilio, or wait: it is asked again",
    "http_401": _KEY,
    "http_403": "a proxy is in the way",
    "http_404": _ADDRESS,
    "http_302": _ADDRESS,
    "unsupported_protocol": _ADDRESS,
}
"""Cures by code."""


def failure_of(status: int, body: object, headers: Mapping[str, str], *, reading: bool = False) -> Failure:
    """Return the failure for an unsuccessful answer. `reading`: the request changes nothing."""
    code = body.get("code") if isinstance(body, Mapping) else None
    if not isinstance(code, int) or isinstance(code, bool):
        return _not_from_twilio(status, headers, reading=reading)
    name, detail = f"twilio_{code}", str(body.get("message", "")) if isinstance(body, Mapping) else ""
    if code in THROTTLED or (status == 429 and code not in LIMITS):
        wait_ms = retry_after_ms(headers)
        return Throttled(
            name, detail, status=status, retry_after_ms=DEFAULT_RETRY_AFTER_MS if wait_ms is None else wait_ms
        )
    if code in LIMITS:
        return Misconfigured(name, detail, status=status, retry_after_ms=HOUR_MS)
    if code in MISCONFIGURED:
        return Misconfigured(name, detail, status=status)
    if code in OF_NUMBER or code == OPTED_OUT:
        return Permanent(name, detail, status=status, is_recipient=True, is_opt_out=code == OPTED_OUT)
    return status_failure(status, name, detail, headers=headers, reading=reading)


def _not_from_twilio(status: int, headers: Mapping[str, str], *, reading: bool) -> Failure:
    if status in (404, 405):
        return Misconfigured(f"http_{status}", "this is not Twilio's API: check TWILIO_API_URL", status=status)
    return status_failure(status, None, "the answer is not Twilio's", headers=headers, reading=reading)
