"""Around every request: an id, headers that keep browsers careful, problem+json for what went wrong, one log line."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from functools import cache
from itertools import count
from time import perf_counter

from aiohttp import web
from multidict import CIMultiDict
from prometheus_client import Counter

from common.clock import Clock
from common.observability import metrics, tracing
from common.observability.logs import get_logger
from services.gateway.access_log import AccessLog
from services.gateway.problem import Problem
from services.gateway.replies import SECURITY, Reply
from services.gateway.trace import TRACE, Trace
from services.gateway.traffic import Traffic

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

WEBHOOKS = frozenset({"signup", "calcom", "resend", "unsubscribe"})

log = get_logger(__name__)


class Around:
    """The only middleware: each further one would cost every request."""

    def __init__(self, clock: Clock, traffic: Traffic) -> None:
        self._log = AccessLog(clock)
        self._traffic = traffic
        self._prefix = secrets.token_hex(6)
        self._numbers = count(1)

    @web.middleware
    async def handle(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer whatever happens, and tell of it."""
        started = perf_counter()
        request_id = f"{self._prefix}-{next(self._numbers)}"
        trace = Trace()
        TRACE.set(trace)
        with self._traffic:
            response = await _answered(request, handler, request_id, trace)
        if self._traffic.is_closing:
            response.force_close()
        if isinstance(response, Reply):
            response.request_id = request_id
        else:
            harden(response.headers, request_id)
        self._tell(request, response.status, request_id, trace, perf_counter() - started)
        return response

    def _tell(self, request: web.Request, status: int, request_id: str, trace: Trace, seconds: float) -> None:
        name = request.match_info.route.name
        if name in WEBHOOKS:
            _counter(name, trace.outcome).inc()
        elif status == 200:
            return  # Probes and scrapes come every few seconds and say nothing.
        tracing.answered(name or "", trace.enrollment_id, trace.outcome, seconds)
        self._log.answered(
            request_id=request_id,
            route=route_of(request),
            status=status,
            outcome=trace.outcome,
            enrollment_id=trace.enrollment_id,
            ms=round(seconds * 1000, 1),
        )


async def _answered(request: web.Request, handler: Handler, request_id: str, trace: Trace) -> web.StreamResponse:
    try:
        return await handler(request)
    except Problem as problem:
        trace.outcome = problem.outcome
        return problem.response()
    except web.HTTPException as error:
        trace.outcome = "refused"
        return problem_of(error).response()
    except Exception:
        # Our mistake, whatever it is: said once, in full, and answered like every other error.
        log.exception("request_failed", request_id=request_id, route=route_of(request))
        trace.outcome = "failed"
        return Problem(500, "this is our mistake; it has been noted", outcome="failed").response()


AROUND = web.AppKey("around", Around)


def harden(headers: CIMultiDict[str], request_id: str) -> None:
    """The headers that every answer has; a `Reply` has them already."""
    headers["X-Request-Id"] = request_id
    for name, value in SECURITY.items():
        headers.setdefault(name, value)


def problem_of(error: web.HTTPException) -> Problem:
    """aiohttp's own refusals, in our words."""
    headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
    detail = {404: "there is nothing at this address", 405: f"this address knows only {headers.get('Allow')}"}
    return Problem(error.status, detail.get(error.status, error.reason), outcome="refused", headers=headers)


def route_of(request: web.Request) -> str:
    """The route's pattern, never the path: an unsubscribe token is somebody's."""
    resource = request.match_info.route.resource
    return resource.canonical if resource else "none"


@cache
def _counter(kind: str, outcome: str) -> Counter:
    return metrics.WEBHOOKS.labels(kind, outcome)
