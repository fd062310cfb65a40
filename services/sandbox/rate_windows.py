"""Fixed windows with a number of requests each: one opens with its first request and may be used up in a burst."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reading:
    """The state after one request: requests `remaining`, and whole seconds until the window is over."""

    is_over: bool
    limit: int
    remaining: int
    reset_seconds: int


class RateWindows:
    """One window for each key."""

    def __init__(self, length_ms: int) -> None:
        self._length_ms = length_ms
        self._open: dict[str, tuple[int, int]] = {}

    def spend(self, key: str, *, limit: int, now_ms: int) -> Reading:
        """Count one request in the key's window; one over the limit is not counted."""
        start_ms, used = self._open.get(key, (now_ms, 0))
        if not start_ms <= now_ms < start_ms + self._length_ms:
            start_ms, used = now_ms, 0
        is_over = used >= limit
        used += not is_over
        self._open[key] = (start_ms, used)
        reset_seconds = max(1, math.ceil((start_ms + self._length_ms - now_ms) / 1_000))
        return Reading(is_over, limit, limit - used, reset_seconds)
