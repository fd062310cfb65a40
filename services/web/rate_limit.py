"""Limits the failed attempts of a source: wrong signatures at the gateway, wrong tokens at the console."""

from __future__ import annotations

from collections import OrderedDict, deque

WINDOW_MS = 60_000
SOURCES_MAX = 1024
"""Beyond this number the source that failed least recently is forgotten, so that memory stays bounded."""


class FailureLimiter:
    """
    Sliding one-minute windows of failures, for each source and for all sources together; kept in this process.

    `per_source_max`: failures a minute before one source has to wait. `total_max`: the same for all sources together,
    unlimited when None. A source that has to wait must not be recorded again: waiting does not prolong the wait.
    """

    def __init__(self, per_source_max: int, *, total_max: int | None = None) -> None:
        self.per_source_max = per_source_max
        self.total_max = total_max
        self._by_source: OrderedDict[str, deque[int]] = OrderedDict()
        self._all: deque[int] = deque(maxlen=total_max or 0)

    def __len__(self) -> int:
        """The number of sources remembered."""
        return len(self._by_source)

    def wait_ms(self, source: str, *, now_ms: int) -> int:
        """Return the milliseconds until the next attempt of `source` is examined; 0 when it is examined now."""
        own_ms = _wait_ms(self._by_source.get(source, deque()), self.per_source_max, now_ms)
        total_ms = _wait_ms(self._all, self.total_max, now_ms) if self.total_max else 0
        return max(own_ms, total_ms)

    def record_failure(self, source: str, *, now_ms: int) -> None:
        """Count a failed attempt of `source`."""
        self._by_source.setdefault(source, deque(maxlen=self.per_source_max)).append(now_ms)
        self._by_source.move_to_end(source)
        self._all.append(now_ms)
        if len(self._by_source) > SOURCES_MAX:
            self._by_source.popitem(last=False)


def retry_after(wait_ms: int) -> dict[str, str]:
    """Return the `Retry-After` header for a wait: whole seconds, rounded up."""
    return {"Retry-After": str(max(1, -(-wait_ms // 1000)))}


def _wait_ms(times: deque[int], failures_max: int, now_ms: int) -> int:
    while times and times[0] <= now_ms - WINDOW_MS:
        times.popleft()
    return times[-failures_max] + WINDOW_MS - now_ms if len(times) >= failures_max else 0
