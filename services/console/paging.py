"""Which part of a list an address asks for."""

from __future__ import annotations

from aiohttp import web


def first_of(request: web.Request) -> int:
    """`?from=50`: the index of the first one; 0 for anything else."""
    start = request.query.get("from", "0")
    return int(start) if start.isascii() and start.isdecimal() and len(start) < 10 else 0
