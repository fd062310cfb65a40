"""What the log and the metrics say about the current request, and the log line that each request gets."""

from __future__ import annotations

import asyncio
import logging
import sys
from contextvars import ContextVar
from dataclasses import dataclass

import structlog

from common.clock import Clock, iso
from common.observability.logs import get_logger


@dataclass(slots=True)
class LogContext:
    """Filled in by the handler. `outcome`: a label of `common.observability.metrics.WEBHOOKS`, or `ok`."""

    outcome: str = "ok"
    enrollment_id: str | None = None


LOG_CONTEXT: ContextVar[LogContext] = ContextVar("log_context")
"""aiohttp runs each request in a task of its own, and so in a context of its own."""


class AccessLog:
    """
    Writes `request_answered`, one line a request, at little cost.

    A line holds only ids and words of this program and nothing that a client sent, so it needs neither escaping nor
    redaction; the lines of one turn of the event loop are written together. Level and format are those of all logs, and
    are read once: create this after `setup_logs`.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._log = get_logger(__name__).bind()
        self._is_wanted = self._log.is_enabled_for(logging.INFO)
        self._is_json = isinstance(structlog.get_config()["processors"][-1], structlog.processors.JSONRenderer)
        self._lines: list[str] = []

    def write(self, request_id: str, route: str, status: int, context: LogContext, *, ms: float) -> None:
        """`route`: the pattern of the path. `ms`: the handler's time, in milliseconds."""
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
