"""Listening: what reaches the application, and how the gateway stops without losing anything."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from aiohttp import web

from common.observability.logs import get_logger
from services.gateway.middleware import AROUND, harden
from services.gateway.problem import Problem
from services.gateway.short_way import ShortWay
from services.gateway.traffic import TRAFFIC

KEEPALIVE_S = 75
"""Longer than the 60 s for which proxies keep a connection: the closing side must not be ours in mid-request."""
HEAD_SECONDS_MAX = 10
DRAIN_S = 15
CUT_OFF_S = 5
BACKLOG = 1024

log = get_logger(__name__)


class Protocol(web.RequestHandler):
    """
    aiohttp's own, except that garbage on the wire is the client's fault (no traceback, and a problem+json), and that a
    request's head must come to its end in time.
    """

    __slots__ = ("_head_timer",)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._head_timer: asyncio.TimerHandle | None = None

    def data_received(self, data: bytes) -> None:
        """A byte now and then keeps a connection only for so long: it would keep the others out."""
        super().data_received(data)
        if self._waiter is not None and not self._waiter.done():
            if self._head_timer is None:
                self._head_timer = asyncio.get_running_loop().call_later(HEAD_SECONDS_MAX, self._cut_off)
        elif self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
        super().connection_lost(exc)

    def _cut_off(self) -> None:
        log.info("request_too_slow", seconds=HEAD_SECONDS_MAX)
        self.force_close()

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """What the parser refused (400), or what broke after the application's own answer (500)."""
        if status >= 500:
            return super().handle_error(request, status, exc, message)
        log.info("request_malformed", status=status, error=type(exc).__name__)
        response = Problem(status, "this is not HTTP as it should be", close=True).response()
        harden(response.headers, "none")
        return response

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """The rest of a body that we did not want to read may well be broken."""
        if isinstance(kw.get("exc_info"), web.RequestPayloadError):
            return
        super().log_exception(*args, **kw)


class Server:
    """An application behind a listening socket."""

    def __init__(self, app: web.Application) -> None:
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=CUT_OFF_S)
        self._listener: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen; the port in use, which is another one for port 0. Raises OSError when it is taken."""
        await self._runner.setup()
        server, app = self._runner.server, self._runner.app
        assert server is not None
        server.request_handler = ShortWay(app, app[AROUND], server.request_handler).handle
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(self._protocol(loop), host or None, port, backlog=BACKLOG)
        used: int = self._listener.sockets[0].getsockname()[1]
        return used

    async def stop(self) -> None:
        """Accept no more, answer what is in flight, then let the application close."""
        if self._listener is not None:
            self._listener.close()
        if not await self._runner.app[TRAFFIC].ended(seconds_max=DRAIN_S):
            log.warning("requests_cut_off", seconds=DRAIN_S)
        await self._runner.cleanup()

    def _protocol(self, loop: asyncio.AbstractEventLoop) -> Callable[[], Protocol]:
        server = self._runner.server
        assert server is not None
        options: dict[str, Any] = {"access_log": None, "keepalive_timeout": KEEPALIVE_S, "lingering_time": 2}
        # Left as sent: a signature is over those bytes, and a small body must not unfold into a large one.
        return lambda: Protocol(server, loop=loop, auto_decompress=False, **options)
