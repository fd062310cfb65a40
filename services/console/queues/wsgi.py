"""An aiohttp request into a WSGI application and its answer back: buffered, in a thread, since it may wait."""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Callable, Iterable
from typing import Any

from aiohttp import web
from multidict import CIMultiDict

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


async def answer_of(app: WsgiApp, request: web.Request, *, prefix: str, cookie: str) -> web.Response:
    """
    What `app` answers below `prefix`.

    It gets our `cookie` in place of the browser's, and no header that opens doors; no cookie of its own gets out.
    """
    body = await request.read()
    environ = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": prefix,
        # Still quoted: an id may hold a slash, and must not become two parts of the path.
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
    told: list[tuple[str, list[tuple[str, str]]]] = []
    body = b"".join(app(environ, lambda status, headers, *_: told.append((status, headers))))
    status, headers = told[0]
    kept = CIMultiDict((name, value) for name, value in headers if name.lower() not in ("set-cookie", "content-length"))
    return web.Response(status=int(status.split(" ")[0]), body=body, headers=kept)
