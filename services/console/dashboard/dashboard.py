"""
`/dramatiq/`: the Dramatiq dashboard if it is installed; otherwise a page that says how to install it.

It is not a dependency: its last release declares older versions of dramatiq and redis than Advent's, but it works with
Advent's versions. Its forms carry the console's form token instead of the dashboard's own, so `middleware.py` checks
them like every other form.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import jinja2
from aiohttp import web
from dramatiq.common import dq_name, xq_name
from multidict import CIMultiDict

from common.ledger.constants import QUEUES
from common.queue.broker import DurableRedisBroker
from common.queue.layout import NAMESPACE
from common.store.clients import connect
from services.console.acting import record_action
from services.console.auth.access import PRINCIPAL
from services.console.context import CONTEXT
from services.console.replies import page, see_other
from services.web.problem import Problem

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

ANSWER_SECONDS_MAX = 2
CURSOR_DIGITS_MAX = 18
"""The store rejects an index of more than 64 bits."""
PREFIX = "/dramatiq"
TOKEN = "__dd_csrf"
INSTALL = "pip install --no-deps 'dramatiq-dashboard==0.4.*'"
_ACTIONS = ("delete-message", "requeue-message")
_STYLE = (
    "<style>.row > * { min-width: 0; } .panel__content { overflow-x: auto; } .table__subject { min-width: 17ch; }"
    "@media (max-width: 600px) { .table:has(.table__actions) tr > :nth-child(3),"
    " .table:has(.table__actions) tr > :nth-child(4) { display: none; } }"
    "</style>"
)
"""Lets tables scroll inside their panels, and on a phone hides two columns so that a job's actions are visible."""


@dataclass(frozen=True, slots=True)
class Dashboard:
    """
    The installed dashboard.

    `app`: its WSGI application. `policy`: the Content-Security-Policy of its pages, which allows only their own inline
    styles.
    """

    app: WsgiApp
    broker: DurableRedisBroker
    policy: str


DASHBOARD = web.AppKey("dashboard", Dashboard)


async def open_dashboard(app: web.Application) -> None:
    """Start the dashboard when the application starts. Does nothing if the package is not installed."""
    store_url = app[CONTEXT].settings.redis_url
    assert store_url is not None
    try:
        from dramatiq_dashboard import DashboardApp

        from services.console.dashboard.queue_interface import QueueInterface, make_uri, timeago
    except ImportError:
        return
    client = connect(store_url, process="console")
    client.connection_pool.connection_kwargs["socket_timeout"] = ANSWER_SECONDS_MAX
    broker = DurableRedisBroker(client=client, namespace=NAMESPACE, middleware=[])
    for queue in QUEUES:
        broker.declare_queue(queue)
    dashboard = DashboardApp(broker, PREFIX)
    dashboard.iface = QueueInterface(broker)
    dashboard.make_uri = dashboard.templates.globals["make_uri"] = make_uri(PREFIX)
    dashboard.templates.filters["timeago"] = timeago
    loader = dashboard.templates.loader
    base, _, _ = loader.get_source(dashboard.templates, "_base.html")
    base = _with_console_link(base)
    dashboard.templates.loader = jinja2.ChoiceLoader([jinja2.DictLoader({"_base.html": base}), loader])
    app[DASHBOARD] = Dashboard(dashboard, broker, _policy(base))


async def close_dashboard(app: web.Application) -> None:
    if DASHBOARD in app:
        app[DASHBOARD].broker.client.close()


async def add_slash(_request: web.Request) -> web.Response:
    return see_other(f"{PREFIX}/")


async def respond(request: web.Request) -> web.Response:
    if DASHBOARD not in request.app:
        return page(request, "no_dashboard.html", status=501, install=INSTALL, here="/dramatiq/")
    await _check(request)
    context, dashboard = request.app[CONTEXT], request.app[DASHBOARD]
    token = context.sessions.form_token(PRINCIPAL.get().session)
    response = await _call_wsgi(dashboard.app, request, prefix=PREFIX, cookie=f"{TOKEN}={token}")
    response.headers["Content-Security-Policy"] = dashboard.policy
    if request.method == "POST" and request.match_info["path"] in _ACTIONS and response.status < 400:
        form = await request.post()
        await record_action(context, request.match_info["path"], [f"{form['queue']!s}/{form['id']!s}"])
    if request.path == f"{PREFIX}/requeue-message" and "Location" in response.headers:
        # The dashboard redirects to the job under its new id, which is not in this list. Go back to the list.
        response.headers["Location"] = response.headers["Location"].rpartition("/")[0]
    return response


async def _check(request: web.Request) -> None:
    """Raises Problem for a request that the dashboard would fail on, or whose queue it would invent."""
    path, form = request.match_info["path"], await request.post()
    queue = re.match(r"queues/([^/]+)", path)
    if queue and queue[1] not in QUEUES:
        raise Problem(404, "The overview names all queues.", title="No such queue")
    if path in _ACTIONS and not (form.get("queue") in _LISTS and form.get("id")):
        raise Problem(400, "The form names no job of a queue: reload the page, and try again.", title="No such job")
    cursor = request.query.get("cursor", "0")
    if not cursor.isdecimal() or len(cursor) > CURSOR_DIGITS_MAX:
        raise Problem(400, "Begin at the first page of the queue.", title="No such page")


_LISTS = {name for queue in QUEUES for name in (queue, dq_name(queue), xq_name(queue))}


def _with_console_link(base: str) -> str:
    """Return the dashboard's base template with a link to the console, and adapted to phones."""
    link = '<li class="nav__items__item"><a href="/">← Console</a></li>'
    base = base.replace('<ul class="nav__items">', f'<ul class="nav__items">{link}')
    base = base.replace("<head>", '<head><meta name="viewport" content="width=device-width, initial-scale=1">')
    return base.replace("</head>", f"{_STYLE}</head>")


def _policy(base: str) -> str:
    styles = re.findall(r"<style>(.*?)</style>", base, re.DOTALL)
    digests = (base64.b64encode(hashlib.sha256(style.encode()).digest()).decode() for style in styles)
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return f"default-src 'none'; style-src {allowed}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"


async def _call_wsgi(app: WsgiApp, request: web.Request, *, prefix: str, cookie: str) -> web.Response:
    """
    Return the buffered response of `app`, mounted at `prefix`. It runs in a thread because it may block.

    The app receives `cookie` instead of the browser's cookies, and no credentials. Cookies that it sets are dropped.
    """
    body = await request.read()
    environ = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": prefix,
        # Stays quoted: an id may contain a slash, which must not split the path.
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
