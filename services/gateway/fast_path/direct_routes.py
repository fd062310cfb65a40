"""
Calls the handler of a webhook directly, past aiohttp's router and middleware chain, which cost a tenth of a signup.

The path of a webhook is a constant, so its handler is found in a dictionary. Every other request, and a POST with an
`Expect` header, goes to the router; middleware and handlers are the same on both ways.
"""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import hdrs, web

from services.web.server import Handler


def with_direct_routes(handlers: Mapping[str, Handler], router: Handler) -> Handler:
    """A handler for all requests. `handlers`: the handlers of POST requests by path, with their middleware applied."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        handler = handlers.get(request.raw_path) if request.method == hdrs.METH_POST else None
        if handler is None or hdrs.EXPECT in request.headers:
            return await router(request)
        return await handler(request)

    return handle
