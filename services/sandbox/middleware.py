"""What wraps every request to an imitated provider: it is counted, and every error becomes one of the provider's."""

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


def answering(known: Callable[[Exception], ProviderProblem | None], internal: ProviderProblem) -> Middleware:
    """Turns every error into a response. `known`: None for a fault of the sandbox, which is logged; then `internal`."""

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
    """The name of the request's route."""
    return request.match_info.route.name or "unknown"
