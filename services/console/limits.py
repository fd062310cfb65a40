"""How often somebody may be wrong about the token: each source ten times a minute, all together a hundred times."""

from __future__ import annotations

from collections import OrderedDict, deque

WINDOW_MS = 60_000
FAILURES_MAX = 10
FAILURES_OF_ALL_MAX = 100
SOURCES_MAX = 1024
_ALL = "*"


class Failures:
    """Sliding windows in this process; the least recent source is forgotten."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, deque[int]] = OrderedDict({_ALL: deque()})

    def wait_ms(self, source: str, *, now_ms: int) -> int:
        """How long this source must wait before its next word is listened to, right or wrong; 0: not at all."""
        return max(self._wait_ms(source, FAILURES_MAX, now_ms), self._wait_ms(_ALL, FAILURES_OF_ALL_MAX, now_ms))

    def count(self, source: str, *, now_ms: int) -> None:
        for name in (source, _ALL):
            self._seen.setdefault(name, deque()).append(now_ms)
            self._seen.move_to_end(name)
        if len(self._seen) > SOURCES_MAX:
            self._seen.popitem(last=False)

    def _wait_ms(self, name: str, most: int, now_ms: int) -> int:
        times = self._seen.get(name, deque())
        while times and times[0] <= now_ms - WINDOW_MS:
            times.popleft()
        return times[-most] + WINDOW_MS - now_ms if len(times) >= most else 0
