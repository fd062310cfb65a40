"""Wraps every request: a request id, security headers, problem+json for errors, metrics and one log line."""

from __future__ import annotations

import asyncio
import logging
import secrets
import sys
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from itertools import count
from time import perf_counter
from typing import TypeVar

import structlog
from aiohttp import web
from prometheus_client import Counter

from common.clock import Clock, iso
from common.observability import metrics, tracing
from common.observability.logs import get_logger
from services.gateway.http.body import JsonResponse
from services.web.problem import Problem, problem_of
from services.web.security_headers import API_HEADERS, add_security_headers


@dataclass(slots=True)
class LogContext:
    """What the handler reports for the log. `outcome`: a label of `common.observability.metrics.WEBHOOKS`, or `ok`."""

    outcome: str = "ok"
    enrollment_id: str | None = None


LOG_CONTEXT: ContextVar[LogContext] = ContextVar("log_context")
"""The context of the current request: aiohttp runs each request in its own task, with its own context variables."""


class AccessLog:
    """
    Writes `request_answered`, one line a request, at little cost.

    A line holds only ids and fixed words, and nothing that a client sent, so it needs neither escaping nor redaction.
    The lines of one turn of the event loop are written together. Level and format are those of all logs, and are read
    once: create this after `setup_logs`.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._log = get_logger(__name__).bind()
        self._is_wanted = self._log.is_enabled_for(logging.INFO)
        self._is_json = isinstance(structlog.get_config()["processors"][-1], structlog.processors.JSONRenderer)
        self._lines: list[str] = []

    def write(self, request_id: str, route: str, status: int, context: LogContext, *, ms: float) -> None:
        """Write one line. `route`: the pattern of the path. `ms`: how long the handler took, in milliseconds."""
        if not self._is_wanted:
            return
        outcome, enrollment_id = context.outcome, context.enrollment_id
        if not self._is_json:
            names = {"route": route, "status": status, "outcome": outcome, "enrollment_id": enrollment_id, "ms": ms}
            self._log.info("request_answered", request_id=request_id, **names)
            return
        contact = f'"enrollment_id": "{enrollment_id}", ' if enrollment_id else ""
        self._write_soon(
            f'{{"request_id": "{request_id}", "route": "{route}", "status": {status}, "outcome": "{outcome}", {contact}'
            f'"ms": {ms}, "event": "request_answered", "level": "info", "service": "gateway", '
            f'"timestamp": "{iso(self._clock.now_ms())}"}}\n'
        )

    def _write_soon(self, line: str) -> None:
        if not self._lines:
            asyncio.get_running_loop().call_soon(self._write)
        self._lines.append(line)

    def _write(self) -> None:
        lines, self._lines = self._lines, []
        sys.stderr.write("".join(lines))
        sys.stderr.flush()


AnyRequest = TypeVar("AnyRequest", bound=web.BaseRequest)

log = get_logger(__name__)


class RequestMiddleware:
    """The only middleware, because each further layer would slow down every request."""

    def __init__(self, clock: Clock) -> None:
        self._log = AccessLog(clock)
        self._prefix = secrets.token_hex(6)
        self._numbers = count(1)

    @web.middleware
    async def handle(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Answer a request that aiohttp's router has matched, or has found no route for."""
        found = request.match_info.route
        pattern = found.resource.canonical if found.resource else "none"
        return await self.answer(request, handler, pattern=pattern, name=found.name and found.name.partition(".")[0])

    async def answer(
        self,
        request: AnyRequest,
        handler: Callable[[AnyRequest], Awaitable[web.StreamResponse]],
        *,
        pattern: str,
        name: str | None,
    ) -> web.StreamResponse:
        """
        Return the response of `handler`, or that of the problem that it raised. Count it and log it.

        `pattern`: the path with placeholders for its parameters, because an unsubscribe token must not be logged.
        `name`: the route's name.
        """
        started = perf_counter()
        request_id = f"{self._prefix}-{next(self._numbers)}"
        context = LogContext()
        LOG_CONTEXT.set(context)
        response = await _answer(request, handler, request_id, pattern, context)
        if isinstance(response, JsonResponse):
            response.request_id = request_id
        else:
            response.headers["X-Request-Id"] = request_id
            add_security_headers(response.headers, API_HEADERS)
        seconds = perf_counter() - started
        if name in metrics.WEBHOOK_KINDS:
            _counter(name, context.outcome).inc()
        elif response.status == 200:
            return response  # Probes and scrapes arrive every few seconds and are not worth a line.
        tracing.answered(name or "", context.enrollment_id, context.outcome, seconds)
        self._log.write(request_id, pattern, response.status, context, ms=round(seconds * 1000, 1))
        return response


async def _answer(
    request: AnyRequest,
    handler: Callable[[AnyRequest], Awaitable[web.StreamResponse]],
    request_id: str,
    pattern: str,
    context: LogContext,
) -> web.StreamResponse:
    try:
        return await handler(request)
    except Problem as problem:
        context.outcome = problem.outcome
        return problem.response()
    except web.HTTPException as error:
        context.outcome = "refused"
        return problem_of(error).response()
    except Exception:
        log.exception("request_failed", request_id=request_id, route=pattern)
        context.outcome = "failed"
        return Problem(500, "an internal error; it has been logged").response()


@cache
def _counter(kind: str, outcome: str) -> Counter:
    return metrics.WEBHOOKS.labels(kind, outcome)
