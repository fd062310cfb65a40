"""Fixed-window rate limits: a window opens with its first request, and one burst may use it up."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reading:
    """
    A window after one request. `is_over`: the request exceeded the limit.

    `remaining`: the number of requests left; `reset_seconds`: whole seconds until the window ends, at least 1.
    """

    is_over: bool
    limit: int
    remaining: int
    reset_seconds: int


class RateWindows:
    """One window per key."""

    def __init__(self, length_ms: int) -> None:
        self._length_ms = length_ms
        self._open: dict[str, tuple[int, int]] = {}

    def spend(self, key: str, *, limit: int, now_ms: int) -> Reading:
        """Count one request in the key's window. A request over the limit is not counted."""
        start_ms, used = self._open.get(key, (now_ms, 0))
        if not start_ms <= now_ms < start_ms + self._length_ms:
            start_ms, used = now_ms, 0
        is_over = used >= limit
        used += not is_over
        self._open[key] = (start_ms, used)
        reset_seconds = max(1, math.ceil((start_ms + self._length_ms - now_ms) / 1_000))
        return Reading(is_over, limit, limit - used, reset_seconds)
