"""
One line for each answered request, at a price that a request can pay.

A line holds ids and words of ours and nothing a client sent, so it needs neither escaping nor masking; the lines of one
loop turn are written together. Level and form are those of all other logs.
"""

from __future__ import annotations

import asyncio
import logging
import sys

import structlog

from common.clock import Clock, iso
from common.observability.logs import get_logger


class AccessLog:
    """Make it after `setup_logs`: whether lines are wanted, and whether as JSON, is asked once."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._log = get_logger(__name__).bind()
        self._is_wanted = self._log.is_enabled_for(logging.INFO)
        self._is_json = isinstance(structlog.get_config()["processors"][-1], structlog.processors.JSONRenderer)
        self._lines: list[str] = []

    def answered(
        self, *, request_id: str, route: str, status: int, outcome: str, enrollment_id: str | None, ms: float
    ) -> None:
        """`ms`: from the first handler to the answer."""
        if not self._is_wanted:
            return
        if not self._is_json:
            names = {"route": route, "status": status, "outcome": outcome, "enrollment_id": enrollment_id, "ms": ms}
            self._log.info("request_answered", request_id=request_id, **names)
            return
        whose = f'"enrollment_id": "{enrollment_id}", ' if enrollment_id else ""
        self._write_soon(
            f'{{"request_id": "{request_id}", "route": "{route}", "status": {status}, "outcome": "{outcome}", {whose}'
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
