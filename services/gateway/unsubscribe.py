"""
`/unsubscribe/{token}`: one click (RFC 8058).

POST acts, whatever its body says, and so does a mail program's. GET shows a page with a button and touches nothing:
scanners follow every link of a mail. The page names nobody, and works while the store is away.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from time import perf_counter

from aiohttp import web

from common.domain.suppression import Unsubscribe
from common.observability import metrics
from services.gateway.body import read_body
from services.gateway.door import DOOR
from services.gateway.events import UnsubscribeReceived
from services.gateway.problem import Problem
from services.gateway.trace import TRACE

_SECONDS = metrics.WEBHOOK_SECONDS.labels("unsubscribe")


async def show(request: web.Request) -> web.Response:
    """The page with the button."""
    TRACE.get().outcome = "shown"
    if _named(request) is None:
        return _unknown(request)
    return page("ask")


async def act(request: web.Request) -> web.Response:
    """End it. Repeating changes nothing, and is answered alike."""
    started = perf_counter()
    door = request.app[DOOR]
    await read_body(request)
    who = _named(request)
    if who is None:
        return _unknown(request)
    trace = TRACE.get()
    trace.enrollment_id = who.enrollment_id
    trace.outcome = await door.intake.unsubscribe(UnsubscribeReceived(who=who, received_ms=door.clock.now_ms()))
    _SECONDS.observe(perf_counter() - started)
    return page("done")


def page(name: str, *, status: int = 200) -> web.Response:
    """A page of `static/`, which may load nothing and send its form only back to where it came from."""
    html, style_hash = _page(name)
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


def _named(request: web.Request) -> Unsubscribe | None:
    return Unsubscribe.from_token(request.match_info["token"], request.app[DOOR].secret_key)


def _unknown(request: web.Request) -> web.Response:
    """For a person a page, for a program a problem."""
    TRACE.get().outcome = "refused"
    if "text/html" in request.headers.get("Accept", ""):
        return page("unknown", status=404)
    raise Problem(404, "this link was not made here", outcome="refused")


@cache
def _page(name: str) -> tuple[bytes, str]:
    folder = files("services.gateway") / "static"
    style = (folder / "page.css").read_text()
    html = (folder / f"{name}.html").read_text().replace("{style}", style)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return html.encode(), f"sha256-{digest}"
