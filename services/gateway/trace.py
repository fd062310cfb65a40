"""What the log and the metrics will say of the request in hand: its outcome, and whose it was."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(slots=True)
class Trace:
    """`outcome`: a word of `common.observability.metrics.WEBHOOKS`, or `ok`."""

    outcome: str = "ok"
    enrollment_id: str | None = None


TRACE: ContextVar[Trace] = ContextVar("trace")
"""aiohttp gives each request a task, and so a context, of its own."""
