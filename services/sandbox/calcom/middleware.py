"""Around every request: key, version and rate limit, and errors in Cal.com's form."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from services.sandbox.calcom.errors import CalcomProblem
from services.sandbox.faults import DROPPED
from services.sandbox.state import Sandbox

VERSION = "2024-08-13"


def responding(sandbox: Sandbox) -> Middleware:
    """The outermost: counts, and turns every CalcomProblem into a response."""

    @web.middleware
    async def respond(request: web.Request, handler: Handler) -> web.StreamResponse:
        name = request.match_info.route.name
        if name is None:
            return await handler(request)  # A route of the sandbox itself, or an unknown one.
        sandbox.tally.asked("calcom", name)
        try:
            response = await handler(request)
        except CalcomProblem as problem:
            response = problem.response(request.path, sandbox.clock.now_ms())
        sandbox.tally.answered("calcom", "dropped" if request.get(DROPPED) else str(response.status))
        return response

    return respond


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
        _count_request(sandbox, key)
        return await handler(request)

    return admit


def _count_request(sandbox: Sandbox, key: str) -> None:
    limit = sandbox.dials.calcom_requests_per_minute
    reading = sandbox.calcom_windows.spend(key, limit=limit, now_ms=sandbox.clock.now_ms())
    if reading.is_over:
        headers = {"retry-after": str(reading.reset_seconds)}
        raise CalcomProblem(429, "ThrottlerException", "Too Many Requests", headers=headers)
