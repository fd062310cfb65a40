"""Announces a hot lead to a channel that accepts Discord's `{"content": …}`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

import httpx

from common.errors import Failure, Misconfigured, Throttled
from common.providers.http import (
    RETRY_AFTER_MAX_MS,
    RETRY_AFTER_MIN_MS,
    DeadlineClient,
    measured,
    status_failure,
    transport_failure,
)

TIMEOUT_S = 5.0
CONTENT_MAX = 2_000
"""The most characters in a message; Discord refuses longer ones."""


async def announce(url: str, content: str, *, timeout_s: float = TIMEOUT_S) -> None:
    """Post one message. Raises a `Failure`: `Ambiguous` when it may have been posted."""
    async with DeadlineClient(total_s=timeout_s) as client:
        with measured("announce"):
            failure = await _post(client, url, without_mentions(content)[:CONTENT_MAX])
            if failure is not None:
                raise failure


def without_mentions(content: str) -> str:
    """Return the text with mentions disabled: a first name of `@everyone` must not notify a whole server."""
    return re.sub(r"@(?=(everyone|here)\b)|<(?=[@#])", "\\g<0>\u200b", content)


async def _post(client: httpx.AsyncClient, url: str, content: str) -> Failure | None:
    try:
        answer = await client.post(url, json={"content": content})
    except (httpx.TransportError, httpx.InvalidURL) as error:
        return transport_failure(error)
    status = answer.status_code
    if status < 300:
        return None
    if status == 404:
        # Discord's answer for a webhook that was deleted.
        return Misconfigured("unknown_webhook", "check HOT_LEAD_WEBHOOK_URL", status=status)
    if status == 429:
        return _throttled(answer)
    return status_failure(status, None, headers=answer.headers)


def _throttled(answer: httpx.Response) -> Failure:
    """Prefer the wait in Discord's body, in seconds with a fraction; in the header it is rounded up."""
    wait_s = _body(answer).get("retry_after")
    if isinstance(wait_s, int | float) and not isinstance(wait_s, bool) and wait_s >= 0:
        wait_ms = round(min(max(wait_s * 1000, RETRY_AFTER_MIN_MS), RETRY_AFTER_MAX_MS))
        return Throttled("http_429", status=429, retry_after_ms=wait_ms)
    return status_failure(429, None, headers=answer.headers)


def _body(answer: httpx.Response) -> Mapping[str, object]:
    try:
        body = json.loads(answer.content)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
