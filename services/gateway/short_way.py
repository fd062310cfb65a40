"""
The short way to a webhook: past aiohttp's router and its layers of middleware, which cost a tenth of a signup.

A webhook's address is one of a few fixed texts, so the answer of the router is made once and looked up. Everything
else, and whatever looks unusual, goes the long way; middleware and handler are the same, and nobody can tell.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import hdrs, web
from aiohttp.web_urldispatcher import PlainResource

from services.gateway.middleware import Around

LongWay = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class ShortWay:
    """A server's handler before the application's own, `long_way`."""

    def __init__(self, app: web.Application, around: Around, long_way: LongWay) -> None:
        self._around = around
        self._long_way = long_way
        self._matches = {
            route.resource.canonical: _match(app, route)
            for route in app.router.routes()
            if route.method == hdrs.METH_POST and isinstance(route.resource, PlainResource)
        }

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        match = self._matches.get(request.raw_path) if request.method == hdrs.METH_POST else None
        if match is None or hdrs.EXPECT in request.headers or not isinstance(request, web.Request):
            return await self._long_way(request)
        request._match_info = match  # As `Application._handle` does with the router's answer.
        return await self._around.handle(request, match.handler)


def _match(app: web.Application, route: web.AbstractRoute) -> web.UrlMappingMatchInfo:
    match = web.UrlMappingMatchInfo({}, route)
    match.add_app(app)
    match.freeze()
    return match
