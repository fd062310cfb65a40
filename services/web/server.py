"""An HTTP server for one application: it listens, and stops without losing a request that is in flight."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

from aiohttp import hdrs, web

from common.observability.logs import get_logger
from services.web.problem import Problem, problem_of
from services.web.security_headers import API_HEADERS, add_security_headers

KEEPALIVE_S = 75
"""Longer than the 60 s for which proxies keep a connection, so that this side never closes it under a new request."""
HEAD_SECONDS_MAX = 10
DRAIN_S = 15
CUT_OFF_S = 5
BACKLOG = 1024

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

log = get_logger(__name__)


class _Protocol(web.RequestHandler):
    """
    aiohttp's protocol with two changes.

    A malformed request gets a problem+json and no traceback, because the client is at fault. The head of a request must
    be complete within HEAD_SECONDS_MAX: a client that sends a byte now and then must not hold a connection forever.
    """

    __slots__ = ("_head_began_s", "_head_timer", "_is_reading_head")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._is_reading_head = True
        self._head_began_s: float | None = None
        self._head_timer: asyncio.TimerHandle | None = None
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._is_reading_head and self._head_began_s is None:
            self._head_began_s = asyncio.get_running_loop().time()
            if self._head_timer is None:  # One timer serves many requests, which is cheaper than one for each.
                self._head_timer = asyncio.get_running_loop().call_later(HEAD_SECONDS_MAX, self._check_head)

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
        super().connection_lost(exc)

    def head_ended(self) -> None:
        """Note that the head is complete and the request is being processed."""
        self._is_reading_head, self._head_began_s = False, None

    def request_ended(self) -> None:
        """Note that the next bytes are the head of another request."""
        self._is_reading_head = True

    def _check_head(self) -> None:
        self._head_timer = None
        if self._head_began_s is None:
            return
        left_s = self._head_began_s + HEAD_SECONDS_MAX - asyncio.get_running_loop().time()
        if left_s > 0:
            self._head_timer = asyncio.get_running_loop().call_later(left_s, self._check_head)
            return
        log.info("request_too_slow", seconds=HEAD_SECONDS_MAX)
        self.force_close()

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """Respond to what the parser refused (400), or to a failure after the application's own response (500)."""
        if status >= 500:
            return super().handle_error(request, status, exc, message)
        log.info("request_malformed", status=status, error=type(exc).__name__)
        response = Problem(status, "the request is not well-formed HTTP", close=True).response()
        add_security_headers(response.headers, API_HEADERS)
        return response

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Log exceptions, except for a malformed rest of a body that the application refused to read."""
        if isinstance(kw.get("exc_info"), web.RequestPayloadError):
            return
        super().log_exception(*args, **kw)


class Server:
    """
    An application behind a listening socket.

    `direct`: handlers of POST requests, by path. They are called without the application's router and middleware, which
    would take a tenth of a signup's time. `drain_s`: how long `stop` waits for requests in flight.
    """

    def __init__(
        self, app: web.Application, *, direct: Mapping[str, Handler] | None = None, drain_s: float = DRAIN_S
    ) -> None:
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=min(CUT_OFF_S, drain_s))
        self._direct = direct or {}
        self._drain_s = drain_s
        self._in_flight = 0
        self._idle: asyncio.Event | None = None
        self._listener: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen. Return the port in use: `port`, or a free one when that is 0. Raises OSError when it is taken."""
        await self._runner.setup()
        server, loop = self._runner.server, asyncio.get_running_loop()
        assert server is not None
        server.request_handler = self._handler(server.request_handler)
        # Bodies stay compressed: a signature covers the bytes as sent, and a small body must not become a large one.
        options: dict[str, Any] = {"access_log": None, "keepalive_timeout": KEEPALIVE_S, "lingering_time": 2}
        self._listener = await loop.create_server(
            lambda: _Protocol(server, loop=loop, auto_decompress=False, **options), host or None, port, backlog=BACKLOG
        )
        used: int = self._listener.sockets[0].getsockname()[1]
        return used

    async def stop(self) -> None:
        """Refuse new connections, finish the requests in flight, then run the application's own cleanup."""
        if self._listener is not None:
            self._listener.close()
        self._idle = asyncio.Event()
        try:
            async with asyncio.timeout(self._drain_s):
                if self._in_flight:
                    await self._idle.wait()
        except TimeoutError:
            log.warning("requests_cut_off", seconds=self._drain_s)
        await self._runner.cleanup()

    def _handler(self, router: Handler) -> Handler:
        """Return the handler of all requests, which calls the application's `router` when needed."""
        direct = self._direct

        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            handler = direct.get(request.raw_path, router) if request.method == hdrs.METH_POST else router
            if hdrs.EXPECT in request.headers:
                handler = router  # The router sends the `100 Continue`.
            protocol = cast(_Protocol, request.protocol)
            protocol.head_ended()
            self._in_flight += 1
            try:
                response = await handler(request)
            except web.HTTPException as error:  # Raised before any middleware, for an unknown `Expect`.
                response = problem_of(error).response()
                add_security_headers(response.headers, API_HEADERS)
            finally:
                protocol.request_ended()
                self._in_flight -= 1
                if self._idle is not None and not self._in_flight:
                    self._idle.set()
            if self._idle is not None:
                response.force_close()  # The server is stopping: the client must not send another request here.
            return response

        return handle


async def serve(server: Server, host: str, port: int, *, setting: str, on_start: Callable[[int], None]) -> int:
    """
    Serve until SIGTERM or SIGINT. Return the exit status of the process.

    It is 0 after a clean stop, and 1 when the address cannot be used, which is logged as `cannot_listen`. `setting`:
    the prefix of the settings that this log line names, such as GATEWAY. `on_start`: called with the port once the
    server listens.
    """
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        used = await server.start(host, port)
    except OSError as error:
        cure = f"set {setting}_HOST or {setting}_PORT"
        log.error("cannot_listen", host=host, port=port, reason=error.strerror or str(error), cure=cure)
        await server.stop()
        return 1
    on_start(used)
    await stop.wait()
    log.info("server_stopping")
    await server.stop()
    return 0
