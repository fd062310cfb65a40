"""Who is knocking, and how often in vain: a limit for requests that fail verification, for each source."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field

from aiohttp import web

from common.client_address import Network, source_of
from services.gateway.problem import Problem

FAILURES_PER_MINUTE = 120
WINDOW_MS = 60_000
SOURCES_MAX = 1024


@dataclass(slots=True)
class Failures:
    """A sliding window of failed verifications for each source, in this process; the least recent one is forgotten."""

    trusted: tuple[Network, ...] = ()
    seen: OrderedDict[str, deque[int]] = field(default_factory=OrderedDict)

    def count(self, request: web.Request, *, now_ms: int) -> None:
        """Raises Problem 429 when this one is too many; such a one does not prolong the wait."""
        forwarded = ",".join(request.headers.getall("X-Forwarded-For", ()))
        times = self._times(source_of(request.remote or "", forwarded, self.trusted))
        while times and times[0] <= now_ms - WINDOW_MS:
            times.popleft()
        if len(times) < FAILURES_PER_MINUTE:
            times.append(now_ms)
            return
        wait_s = -(-(times[0] + WINDOW_MS - now_ms) // 1000)
        raise Problem(
            429,
            "too many requests from here failed verification",
            outcome="limited",
            headers={"Retry-After": str(max(1, wait_s))},
        )

    def _times(self, source: str) -> deque[int]:
        times = self.seen.setdefault(source, deque())
        self.seen.move_to_end(source)
        if len(self.seen) > SOURCES_MAX:
            self.seen.popitem(last=False)
        return times
