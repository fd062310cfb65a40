"""Reads from a URL which part of a list it requests."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web


def first_of(request: web.Request) -> int:
    """Return the index of the first entry, as in `?from=50`; 0 if it is missing or not an index."""
    return index_of(request.query)


def timestamp_of(text: str) -> int | None:
    """Return a timestamp in milliseconds, as in the schedule's links; None for other text."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else None


def index_of(given: Mapping[str, str]) -> int:
    start = given.get("from", "0")
    return int(start) if start.isascii() and start.isdecimal() and len(start) < 10 else 0
