"""
`/dramatiq/`: the Dramatiq dashboard, if it is installed; else how to install it.

It is no dependency: its last release declares older ones of dramatiq and redis than ours, and works with ours. Its
forms carry our token in place of its own cookie's, so `around.py` checks them like every other form.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass

import jinja2
from aiohttp import web
from dramatiq.common import dq_name, xq_name

from common.ledger.constants import QUEUES
from common.queue.broker import DurableRedisBroker
from common.queue.job import QUEUE_NAMESPACE
from common.store.clients import connect
from services.console.desk import DESK
from services.console.queues.wsgi import WsgiApp, answer_of
from services.console.replies import page, problem, see
from services.console.visitor import VISITOR

ANSWER_SECONDS_MAX = 2
CURSOR_DIGITS_MAX = 18
"""The store takes no number of more than 64 bits for a place in a queue."""
PREFIX = "/dramatiq"
TOKEN = "__dd_csrf"
INSTALL = "pip install --no-deps 'dramatiq-dashboard==0.4.*'"
_ACTS = ("delete-message", "requeue-message")
_NARROW = (
    "<style>.row > * { min-width: 0; } .panel__content { overflow-x: auto; } .table__subject { min-width: 17ch; }"
    "@media (max-width: 600px) { .table:has(.table__actions) tr > :nth-child(3),"
    " .table:has(.table__actions) tr > :nth-child(4) { display: none; } }"
    "</style>"
)
"""On a phone a table scrolls in its panel, and the page does not. What can be done with a job is seen at once."""


@dataclass(frozen=True, slots=True)
class Dashboard:
    """`app`: WSGI. `policy`: what its pages may do, which is to show the styles that they bring."""

    app: WsgiApp
    broker: DurableRedisBroker
    policy: str


DASHBOARD = web.AppKey("dashboard", Dashboard)


async def open_dashboard(app: web.Application) -> None:
    """On startup; without the package nothing is opened."""
    store_url = app[DESK].settings.redis_url
    assert store_url is not None
    try:
        from dramatiq_dashboard import DashboardApp

        from services.console.queues.reads import DurableQueues, make_uri, timeago
    except ImportError:
        return
    client = connect(store_url, process="console")
    client.connection_pool.connection_kwargs["socket_timeout"] = ANSWER_SECONDS_MAX
    broker = DurableRedisBroker(client=client, namespace=QUEUE_NAMESPACE, middleware=[])
    for queue in QUEUES:
        broker.declare_queue(queue)
    dashboard = DashboardApp(broker, PREFIX)
    dashboard.iface = DurableQueues(broker)
    dashboard.make_uri = dashboard.templates.globals["make_uri"] = make_uri(PREFIX)
    dashboard.templates.filters["timeago"] = timeago
    own = dashboard.templates.loader
    base, _, _ = own.get_source(dashboard.templates, "_base.html")
    base = _at_home(base)
    dashboard.templates.loader = jinja2.ChoiceLoader([jinja2.DictLoader({"_base.html": base}), own])
    app[DASHBOARD] = Dashboard(dashboard, broker, _policy(base))


async def close_dashboard(app: web.Application) -> None:
    if DASHBOARD in app:
        app[DASHBOARD].broker.client.close()


async def add_slash(_request: web.Request) -> web.Response:
    return see(f"{PREFIX}/")


async def answer(request: web.Request) -> web.Response:
    if DASHBOARD not in request.app:
        return page(request, "no_dashboard.html", status=501, install=INSTALL, here="/dramatiq/")
    if why := await _why_not(request):
        return why
    desk, dashboard = request.app[DESK], request.app[DASHBOARD]
    token = desk.sessions.form_token(VISITOR.get().session)
    response = await answer_of(dashboard.app, request, prefix=PREFIX, cookie=f"{TOKEN}={token}")
    response.headers["Content-Security-Policy"] = dashboard.policy
    if request.path == f"{PREFIX}/requeue-message" and "Location" in response.headers:
        # It leads to the job under the id that it got, which is not in this list: back to those that are.
        response.headers["Location"] = response.headers["Location"].rpartition("/")[0]
    return response


async def _why_not(request: web.Request) -> web.Response | None:
    """What the dashboard would take for a queue, or fail on."""
    path, form = request.match_info["path"], await request.post()
    queue = re.match(r"queues/([^/]+)", path)
    if queue and queue[1] not in QUEUES:
        return problem(request, 404, "No such queue", "The overview names all queues there are.")
    if path in _ACTS and not (form.get("queue") in _PLACES and form.get("id")):
        return problem(request, 400, "No such job", "The form names no job of a queue: reload the page, and try again.")
    cursor = request.query.get("cursor", "0")
    if not cursor.isdecimal() or len(cursor) > CURSOR_DIGITS_MAX:
        return problem(request, 400, "No such page", "Begin at the first page of the queue.")
    return None


_PLACES = {place for queue in QUEUES for place in (queue, dq_name(queue), xq_name(queue))}


def _at_home(base: str) -> str:
    """The frame of its pages, with a way back to ours, and as wide as a phone."""
    way_back = '<li class="nav__items__item"><a href="/">← Console</a></li>'
    base = base.replace('<ul class="nav__items">', f'<ul class="nav__items">{way_back}')
    base = base.replace("<head>", '<head><meta name="viewport" content="width=device-width, initial-scale=1">')
    return base.replace("</head>", f"{_NARROW}</head>")


def _policy(base: str) -> str:
    styles = re.findall(r"<style>(.*?)</style>", base, re.DOTALL)
    digests = (base64.b64encode(hashlib.sha256(style.encode()).digest()).decode() for style in styles)
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return f"default-src 'none'; style-src {allowed}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
