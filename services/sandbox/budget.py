"""A fixed window of so many requests: it opens with the first one and may be spent in a burst."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reading:
    """What one request found: `remaining` after it, and the whole seconds until the window opens anew."""

    is_over: bool
    limit: int
    remaining: int
    reset_seconds: int


class Windows:
    """One window a key."""

    def __init__(self, length_ms: int) -> None:
        self._length_ms = length_ms
        self._open: dict[str, tuple[int, int]] = {}

    def spend(self, key: str, *, limit: int, now_ms: int) -> Reading:
        """Takes one request out of the key's window; one over the limit is not counted."""
        start_ms, used = self._open.get(key, (now_ms, 0))
        if not start_ms <= now_ms < start_ms + self._length_ms:
            start_ms, used = now_ms, 0
        is_over = used >= limit
        used += not is_over
        self._open[key] = (start_ms, used)
        reset_seconds = max(1, math.ceil((start_ms + self._length_ms - now_ms) / 1_000))
        return Reading(is_over, limit, limit - used, reset_seconds)
