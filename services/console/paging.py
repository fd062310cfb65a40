"""Which part of a list an address asks for."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web


def first_of(request: web.Request) -> int:
    """`?from=50`: the index of the first one; 0 for anything else."""
    return index_of(request.query)


def instant_of(text: str) -> int | None:
    """Milliseconds, as the schedule's links carry them; None for anything else."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else None


def index_of(given: Mapping[str, str]) -> int:
    start = given.get("from", "0")
    return int(start) if start.isascii() and start.isdecimal() and len(start) < 10 else 0
