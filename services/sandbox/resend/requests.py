"""Reading a request as Resend does."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from services.sandbox.bodies import parse_json
from services.sandbox.resend.errors import ResendProblem


async def read_json(request: web.Request) -> Any:
    """The body's value. Raises the 400 for what is no JSON."""
    try:
        return parse_json(await request.read())
    except (ValueError, RecursionError) as problem:
        raise ResendProblem(400, "validation_error", "The request body must be valid JSON.") from problem
