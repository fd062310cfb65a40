"""
The failures for Cal.com's answers. Every request only reads, so nothing is ever ambiguous.

    401, 403                                     Misconfigured: CALCOM_API_KEY
    403 with a page of HTML                      Transient: the network in front of Cal.com refused it
    404                                          Misconfigured: the version header or CALCOM_API_URL is not as expected
    429                                          Throttled until Retry-After, else for a minute
    other 4xx                                    Misconfigured: the request will never succeed
    408, 425, 5xx, no answer, not JSON           Transient

A request without `cal-api-version` finds no route, hence the 404. A key allows 120 requests in 60 s; the answer
has the remaining number in `X-RateLimit-Remaining-<name>`, and the end of the window in `X-RateLimit-Reset-<name>`
(mintlify.com/calcom/cal.com/api/rate-limits). It is not documented that Cal.com also sends `Retry-After`.
"""

from __future__ import annotations

from collections.abc import Mapping

from common.errors import Failure, Misconfigured, Throttled, Transient
from common.providers.http import retry_after_ms, status_failure

LIMIT_WAIT_MS = 60_000
KEY_CURE = "check the key: set a valid CALCOM_API_KEY"
ADDRESS_CURE = "this is not version 2 of Cal.com's API: check CALCOM_API_URL"
CURES = {"http_401": KEY_CURE, "http_403": KEY_CURE, "http_404": ADDRESS_CURE}
"""Cures by code."""


def failure_of(status: int, headers: Mapping[str, str]) -> Failure:
    """Return the failure for an unsuccessful status. Its texts are ours, because Cal.com's may quote personal data."""
    name = f"http_{status}"
    if status == 429:
        return Throttled(name, status=status, retry_after_ms=retry_after_ms(headers) or LIMIT_WAIT_MS)
    if status == 403 and headers.get("content-type", "").startswith("text/html"):
        return Transient("network_edge", "the network in front of Cal.com refused it; it is tried again", status=403)
    if status in (401, 403):
        return Misconfigured(name, KEY_CURE, status=status)
    if status in (404, 405):
        return Misconfigured(name, ADDRESS_CURE, status=status)
    if 400 <= status < 500 and status not in (408, 425):
        return Misconfigured(name, "Cal.com refuses the request", status=status)
    return status_failure(status, None, headers=headers, reading=True)
