"""Stored times up to which a list was read. One that lies in the future was written while a clock was wrong."""

from __future__ import annotations

import structlog

from common.domain.clock_check import JUMP_MS
from common.observability import metrics

log = structlog.get_logger(__name__)


def last_read_ms(stored: str | None, *, now_ms: int) -> int:
    """Return that time; 0 when there is none or it lies in the future, so that everything is read again."""
    stored_ms = int(stored or 0)
    if stored_ms <= now_ms + JUMP_MS:
        return stored_ms
    metrics.WAITS_IGNORED.labels("lookup").inc()
    log.warning("waits_ignored", what="lookup", ahead_s=round((stored_ms - now_ms) / 1000))
    return 0
