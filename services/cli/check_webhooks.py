"""Checks that a provider's webhook reports everything that Advent needs; and the request that lists webhooks."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from common.errors import Transient
from services.cli.check_report import CheckReport


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    body: Mapping[str, Any]
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Webhook:
    """One webhook of a provider. `url`: where it posts to. `events`: what it reports."""

    url: str
    events: Collection[str]
    is_active: bool


async def get(url: str, headers: Mapping[str, str]) -> Response:
    """Send one request to a provider. Raises Transient unless it answers with a JSON object or a status of 5xx."""
    try:
        async with httpx.AsyncClient(timeout=10) as client:
            answer = await client.get(url, headers=dict(headers))
        body = answer.json() if answer.status_code < 500 else {}
        if not isinstance(body, dict):
            raise ValueError("the response is not the provider's")
    except (httpx.HTTPError, ValueError) as error:
        code = "connect" if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout) else "no_answer"
        raise Transient(code, str(error) or type(error).__name__) from None
    return Response(answer.status_code, body, answer.headers)


def compare_webhooks(
    provider: str, listed: Iterable[Webhook], url: str, needed: Sequence[str], found: CheckReport
) -> None:
    """Warn unless active webhooks that post to `url`, or to its path on another host, report all `needed` events."""
    webhooks = list(listed)
    ours = [one for one in webhooks if one.url.rstrip("/") == url] or [
        one for one in webhooks if urlsplit(one.url).path.rstrip("/").endswith(urlsplit(url).path)
    ]
    active = [one for one in ours if one.is_active]
    if not active:
        state = "the webhook to it is disabled" if ours else "no webhook posts to it"
        found.warnings.append(f"{provider}: nothing is reported to {url}, because {state}; enable or add it there")
        return
    if missing := [event for event in needed if not any(event in one.events for one in active)]:
        found.warnings.append(
            f"{provider}: the webhook to {active[0].url} does not report {', '.join(missing)}; add them there"
        )
        return
    found.notes.append(f"{provider}: the webhook reports every event that is needed")
