"""Around every request: an id, headers that keep browsers careful, problem+json for what went wrong, one log line."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from functools import cache
from time import perf_counter

from aiohttp import web
from prometheus_client import Counter

from common import metrics
from common.logs import get_logger
from services.gateway.problem import Problem
from services.gateway.traffic import TRAFFIC

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Robots-Tag": "noindex",
    "Server": "advent",
}
WEBHOOKS = frozenset({"signup", "unsubscribe"})

log = get_logger(__name__)


@web.middleware
async def around(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The only middleware: each further one would cost every request."""
    started = perf_counter()
    request_id = secrets.token_hex(8)
    traffic = request.app[TRAFFIC]
    with traffic:
        response = await _answered(request, handler, request_id)
    if traffic.is_closing:
        response.force_close()
    headers = response.headers
    headers["X-Request-Id"] = request_id
    for name, value in SECURITY.items():
        headers.setdefault(name, value)
    _tell(request, response.status, request_id, perf_counter() - started)
    return response


async def _answered(request: web.Request, handler: Handler, request_id: str) -> web.StreamResponse:
    try:
        return await handler(request)
    except Problem as problem:
        request["outcome"] = problem.outcome
        return problem.response()
    except web.HTTPException as error:
        request["outcome"] = "refused"
        return problem_of(error).response()
    except Exception:
        # Our mistake, whatever it is: said once, in full, and answered like every other error.
        log.exception("request_failed", request_id=request_id, route=route_of(request))
        request["outcome"] = "failed"
        return Problem(500, "this is our mistake; it has been noted", outcome="failed").response()


def problem_of(error: web.HTTPException) -> Problem:
    """aiohttp's own refusals, in our words."""
    headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
    detail = {404: "there is nothing at this address", 405: f"this address knows only {headers.get('Allow')}"}
    return Problem(error.status, detail.get(error.status, error.reason), outcome="refused", headers=headers)


def route_of(request: web.Request) -> str:
    """The route's pattern, never the path: an unsubscribe token is somebody's."""
    resource = request.match_info.route.resource
    return resource.canonical if resource else "none"


def _tell(request: web.Request, status: int, request_id: str, seconds: float) -> None:
    name = request.match_info.route.name
    outcome = request.get("outcome", "ok")
    if name in WEBHOOKS:
        _counter(name, outcome).inc()
    elif status == 200:
        return  # Probes and scrapes come every few seconds and say nothing.
    log.info(
        "request_answered",
        request_id=request_id,
        method=request.method if request.method in _METHODS else "other",
        route=route_of(request),
        status=status,
        outcome=outcome,
        enrollment_id=request.get("enrollment_id"),
        ms=round(seconds * 1000, 1),
    )


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})


@cache
def _counter(kind: str, outcome: str) -> Counter:
    return metrics.WEBHOOKS.labels(kind, outcome)
