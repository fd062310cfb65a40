"""
One line for each answered request, at a price that a request can pay.

A line holds ids and words of ours and nothing a client sent, so it needs no masking; the lines of one loop turn are
written together. Form and level are those of all other logs.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import structlog
from structlog.contextvars import merge_contextvars

from common.masking import mask_event

_NOT_NEEDED = (
    mask_event,
    merge_contextvars,
    structlog.processors.format_exc_info,
)


class _Lines:
    """What structlog takes for the logger underneath."""

    def __init__(self) -> None:
        self._waiting: list[str] = []

    def info(self, line: str) -> None:
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._write)
        self._waiting.append(line + "\n")

    def _write(self) -> None:
        lines, self._waiting = self._waiting, []
        sys.stderr.write("".join(lines))
        sys.stderr.flush()


def access_log() -> Any:
    """A structlog logger with `info`; call it after `setup_logs`."""
    config = structlog.get_config()
    processors = [
        step
        for step in config["processors"]
        if step not in _NOT_NEEDED and not isinstance(step, structlog.processors.StackInfoRenderer)
    ]
    return structlog.wrap_logger(_Lines(), processors=processors, wrapper_class=config["wrapper_class"]).bind()
