"""Middleware of the imitated providers: it counts requests and turns every error into one of the provider's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from common.observability.logs import get_logger
from services.sandbox.faults import DROPPED
from services.sandbox.state import Tally

log = get_logger(__name__)


class ProviderProblem(Protocol):
    """An error in the provider's form."""

    def response(self) -> web.Response: ...


def counting_middleware(tally: Tally, provider: str) -> Middleware:
    """Return the outermost middleware, which counts requests and the responses as the client gets them."""

    @web.middleware
    async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
        tally.count_request(provider, operation_of(request))
        try:
            response = await handler(request)
        except ConnectionResetError:
            response = web.Response(status=400)  # The client closed the connection; nobody receives this.
        tally.count_answer(provider, "dropped" if request.get(DROPPED) else str(response.status))
        return response

    return count


def error_middleware(known: Callable[[Exception], ProviderProblem | None], internal: ProviderProblem) -> Middleware:
    """
    Return middleware that turns every error into a response.

    `known` returns None for an internal error of the sandbox. That error is logged, and the response is `internal`.
    """

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except ConnectionResetError:
            raise
        except Exception as error:
            problem = known(error)
            if problem is None:
                log.exception("sandbox_failed", operation=operation_of(request))
            return (problem or internal).response()

    return answer


def operation_of(request: web.Request) -> str:
    """Return the name of the request's route, or `unknown`."""
    return request.match_info.route.name or "unknown"
