"""
`/unsubscribe/{token}`: one-click unsubscribe (RFC 8058).

POST unsubscribes, whatever its body says: contacts use the button, mail programs their own request. GET shows a page
with the button and changes nothing, because scanners open every link of a mail. The page names the sender and no
contact, says so when the contact had unsubscribed before, and works while the store is away.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from html import escape
from importlib.resources import files
from time import perf_counter

from aiohttp import web

from common.domain.suppression import Unsubscribe
from common.observability import metrics
from services.gateway.context import GatewayContext
from services.gateway.events import UnsubscribeReceived
from services.gateway.http.body import read_body
from services.gateway.http.middleware import LOG_CONTEXT
from services.web.problem import Problem

_SECONDS = metrics.WEBHOOK_SECONDS.labels("unsubscribe")


async def show(context: GatewayContext, request: web.Request) -> web.Response:
    """The page with the button, or the one that says that nothing is left to do."""
    LOG_CONTEXT.get().outcome = "shown"
    link = _link(context, request)
    if link is None:
        return _unknown(context, request)
    return _page_response(context, "already" if await context.intake.is_unsubscribed(link) else "ask")


async def unsubscribe(context: GatewayContext, request: web.Request) -> web.Response:
    """Unsubscribe the contact. A repetition changes nothing and gets the same response."""
    started = perf_counter()
    await read_body(request)
    link = _link(context, request)
    if link is None:
        return _unknown(context, request)
    log_context = LOG_CONTEXT.get()
    log_context.enrollment_id = link.enrollment_id
    event = UnsubscribeReceived(link=link, received_ms=context.clock.now_ms())
    log_context.outcome = await context.intake.record_unsubscribe(event)
    _SECONDS.observe(perf_counter() - started)
    return _page_response(context, "done")


def _link(context: GatewayContext, request: web.Request) -> Unsubscribe | None:
    return Unsubscribe.from_token(request.match_info["token"], context.secret_key)


def _unknown(context: GatewayContext, request: web.Request) -> web.Response:
    """A page for a browser, a problem for a program."""
    LOG_CONTEXT.get().outcome = "refused"
    if "text/html" in request.headers.get("Accept", ""):
        return _page_response(context, "unknown", status=404)
    raise Problem(404, "this unsubscribe link was not made here", outcome="refused")


def _page_response(context: GatewayContext, name: str, *, status: int = 200) -> web.Response:
    """A page of `static/`. Its policy lets it load nothing and send its form only to its own origin."""
    html, style_hash = _page(name, context.settings.identity.sender_name)
    policy = (
        f"default-src 'none'; style-src '{style_hash}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    return web.Response(
        status=status,
        body=html,
        content_type="text/html",
        charset="utf-8",
        headers={"Content-Security-Policy": policy},
    )


@cache
def _page(name: str, sender: str) -> tuple[bytes, str]:
    """The HTML with its style sheet and the sender's name inside, and the hash of that style sheet."""
    folder = files("services.gateway.http") / "static"
    style = (folder / "page.css").read_text()
    html = (folder / f"{name}.html").read_text().replace("{style}", style).replace("{sender}", escape(sender))
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return html.encode(), f"sha256-{digest}"
