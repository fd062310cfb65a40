"""Before a question is answered: the key, the version, the pace; refusals in Cal.com's shape."""

from __future__ import annotations

import asyncio

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from services.sandbox.calcom.errors import CalcomProblem
from services.sandbox.faults import DROPPED, WORK_SECONDS
from services.sandbox.state import Sandbox

VERSION = "2024-08-13"


def answering(sandbox: Sandbox) -> Middleware:
    """The outermost: counts, and turns every refusal into an answer."""

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        name = request.match_info.route.name
        if name is None:
            return await handler(request)  # Not Cal.com's: a tool of ours, or nothing at all.
        sandbox.tally.asked("calcom", name)
        try:
            response = await handler(request)
        except CalcomProblem as problem:
            response = problem.answer(request.path, sandbox.clock.now_ms())
        sandbox.tally.answered("calcom", "dropped" if request.get(DROPPED) else str(response.status))
        return response

    return answer


def admitting(sandbox: Sandbox) -> Middleware:
    @web.middleware
    async def admit(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.match_info.route.name is None:
            return await handler(request)
        if request.headers.get("cal-api-version") != VERSION:
            raise CalcomProblem(404, "NotFoundException", f"Cannot {request.method} {request.path}")
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or key not in sandbox.dials.calcom_keys:
            raise CalcomProblem(401, "UnauthorizedException", "ApiAuthStrategy - Invalid API Key")
        _spend(sandbox, key)
        return await handler(request)

    return admit


@web.middleware
async def working(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Takes the time that a `slow` rule dialled."""
    seconds = request.get(WORK_SECONDS, 0.0)
    if seconds:
        await asyncio.sleep(seconds)  # noqa: TID251 -- dialled slowness
    return await handler(request)


def _spend(sandbox: Sandbox, key: str) -> None:
    limit = sandbox.dials.calcom_requests_per_minute
    reading = sandbox.calcom_windows.spend(key, limit=limit, now_ms=sandbox.clock.now_ms())
    if reading.is_over:
        headers = {"retry-after": str(reading.reset_seconds)}
        raise CalcomProblem(429, "ThrottlerException", "Too Many Requests", headers=headers)
