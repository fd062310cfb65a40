"""Calls a WSGI application for an aiohttp request: buffered, and in a thread because it may block."""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Callable, Iterable
from typing import Any

from aiohttp import web
from multidict import CIMultiDict

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


async def call_wsgi(app: WsgiApp, request: web.Request, *, prefix: str, cookie: str) -> web.Response:
    """
    The response of `app`, mounted at `prefix`.

    It receives `cookie` in place of the browser's and no credentials; the cookies that it sets are dropped.
    """
    body = await request.read()
    environ = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": prefix,
        # Still quoted: an id may contain a slash, which must not split the path.
        "PATH_INFO": request.rel_url.raw_path.removeprefix(prefix) or "/",
        "QUERY_STRING": request.rel_url.raw_query_string,
        "CONTENT_TYPE": request.headers.get("Content-Type", ""),
        "CONTENT_LENGTH": str(len(body)),
        "SERVER_NAME": "console",
        "SERVER_PORT": "0",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_COOKIE": cookie,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": request.scheme,
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    return await asyncio.get_running_loop().run_in_executor(None, _run, app, environ)


def _run(app: WsgiApp, environ: dict[str, Any]) -> web.Response:
    started: list[tuple[str, list[tuple[str, str]]]] = []
    body = b"".join(app(environ, lambda status, headers, *_: started.append((status, headers))))
    status, headers = started[0]
    passed = CIMultiDict(
        (name, value) for name, value in headers if name.lower() not in ("set-cookie", "content-length")
    )
    return web.Response(status=int(status.split(" ")[0]), body=body, headers=passed)
