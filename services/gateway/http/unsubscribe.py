"""
`/unsubscribe/{token}`: one-click unsubscribe (RFC 8058).

POST ends all mail, whatever its body says, because mail programs post automatically. The only exception is the page's
form for leaving one series. GET shows a page with both buttons and changes nothing, because scanners open every link of
a mail. The page names the sender but not the contact, says when the contact has unsubscribed already, and works while
the store is away. The link's query names the language and the campaign.
"""

from __future__ import annotations

from time import perf_counter
from urllib.parse import parse_qs

from aiohttp import web

from common.domain.suppression import Unsubscribe
from common.observability import metrics
from services.gateway.context import GatewayContext
from services.gateway.events import UnsubscribeReceived
from services.gateway.http.body import read_body
from services.gateway.http.middleware import LOG_CONTEXT
from services.gateway.http.unsubscribe_page import SCOPE, SERIES, Page, page_response
from services.web.problem import Problem

_SECONDS = metrics.WEBHOOK_SECONDS.labels("unsubscribe")


async def show(context: GatewayContext, request: web.Request) -> web.Response:
    """Return the page with the buttons, or the one for a contact who has unsubscribed already."""
    LOG_CONTEXT.get().outcome = "shown"
    link = _link(context, request)
    if link is None:
        return _unknown(context, request)
    return _shown(context, request, "already" if await context.intake.is_unsubscribed(link) else "ask")


async def unsubscribe(context: GatewayContext, request: web.Request) -> web.Response:
    """Unsubscribe the contact. A repetition changes nothing and gets the same response."""
    started = perf_counter()
    body = await read_body(request)
    link = _link(context, request)
    if link is None:
        return _unknown(context, request)
    log_context = LOG_CONTEXT.get()
    log_context.enrollment_id = link.enrollment_id
    series_only = _is_series_only(request, body)
    event = UnsubscribeReceived(link=link, received_ms=context.clock.now_ms(), series_only=series_only)
    log_context.outcome = await context.intake.record_unsubscribe(event)
    _SECONDS.observe(perf_counter() - started)
    return _shown(context, request, "done_series" if series_only else "done_all")


def _is_series_only(request: web.Request, body: bytes) -> bool:
    """Return whether the body is that of the page's form for one series. Any other body means all mail."""
    if request.content_type != "application/x-www-form-urlencoded":
        return False
    return parse_qs(body.decode("ascii", "replace")) == {SCOPE: [SERIES]}


def _link(context: GatewayContext, request: web.Request) -> Unsubscribe | None:
    return Unsubscribe.from_token(request.match_info["token"], context.secret_key)


def _unknown(context: GatewayContext, request: web.Request) -> web.Response:
    """Return an error page to a browser; raise Problem for a program."""
    LOG_CONTEXT.get().outcome = "refused"
    if "text/html" in request.headers.get("Accept", ""):
        return _shown(context, request, "unknown", status=404)
    raise Problem(404, "this unsubscribe link was not made here", outcome="refused")


def _shown(context: GatewayContext, request: web.Request, page: Page, *, status: int = 200) -> web.Response:
    campaign = context.campaigns.get_or_default(request.query.get("campaign"))
    sender = context.settings.identity.sender_name
    return page_response(page, campaign, request.query.get("lang"), sender, status=status)
