"""Resend's lists, newest first: `limit`, and `after` (older than) or `before` (newer than) an id, never both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from services.sandbox.resend.errors import invalid

LIMIT_DEFAULT = 10
LIMIT_MAX = 100


@dataclass(frozen=True, slots=True)
class Page:
    limit: int
    after: str | None
    before: str | None


def asked_page(query: Mapping[str, str]) -> Page:
    """Raises the 422 that Resend answers a bad page with."""
    text = query.get("limit", str(LIMIT_DEFAULT))
    limit = int(text) if text.isdecimal() else 0
    if not 1 <= limit <= LIMIT_MAX:
        raise invalid("The pagination limit must be a number between 1 and 100.")
    after, before = query.get("after"), query.get("before")
    if after and before:
        raise invalid("You can only use either `after` or `before`, not both.")
    return Page(limit, after, before)
