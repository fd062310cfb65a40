"""An independent count: what was asked, and how it was answered. In memory, since the process started."""

from __future__ import annotations

from collections import Counter, deque
from typing import Any


class Tally:
    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self.answers: Counter[str] = Counter()
        self.suspicious: deque[dict[str, Any]] = deque(maxlen=200)

    def asked(self, provider: str, operation: str) -> None:
        self.requests[f"{provider} {operation}"] += 1

    def answered(self, provider: str, status: str) -> None:
        """`status` is the HTTP status, or `dropped` when the connection was cut instead of an answer."""
        self.answers[f"{provider} {status}"] += 1

    def suspect(self, what: str, **where: Any) -> None:
        """
        Notes a request that is allowed and rarely meant.

        A query without a filter, for one: the SDK drops a misspelt `filters=` silently, and every row comes back.
        """
        self.suspicious.append({"what": what, **where})

    def clear(self) -> None:
        self.requests.clear()
        self.answers.clear()
        self.suspicious.clear()
