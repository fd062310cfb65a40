"""Counts the requests to each imitated provider, and how they were answered."""

from __future__ import annotations

from collections import Counter, deque
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from services.sandbox.faults import DROPPED


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


def counting(tally: Tally, provider: str) -> Middleware:
    """The outermost middleware: it sees the answer as the client gets it."""

    @web.middleware
    async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
        tally.asked(provider, operation_of(request))
        try:
            response = await handler(request)
        except ConnectionResetError:
            response = web.Response(status=400)  # The client closed the connection; nobody receives this.
        tally.answered(provider, "dropped" if request.get(DROPPED) else str(response.status))
        return response

    return count


def operation_of(request: web.Request) -> str:
    """The name of the request's route."""
    return request.match_info.route.name or "unknown"
