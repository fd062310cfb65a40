"""Around every request: who asks, may they, was the form ours; then headers, errors and one log line."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Final
from urllib.parse import quote

from aiohttp import web

from common.observability.logs import get_logger
from services.console import cookies
from services.console.desk import DESK, Desk
from services.console.door import is_own_page, whence, why_not_local
from services.console.evidence import FAILURES
from services.console.replies import SECURITY, problem, see
from services.console.session import is_same_secret
from services.console.visitor import VISITOR, Visitor

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

OPEN: Final = ("/health", "/ready", "/metrics", "/login", "/static/", "/assets/")
"""What needs no login: it shows no person and changes nothing."""
FORM_TOKEN: Final = "form_token"
DASHBOARD: Final = "/dramatiq/"
DASHBOARD_TOKEN: Final = "__dd_csrf"
"""The dashboard's forms carry the same token under their own name; see `queues/wsgi.py`."""
_BEARER: Final = "bearer "
_FORM: Final = "application/x-www-form-urlencoded"
_AS_FORM: Final = f"It must be sent as {_FORM}."

log = get_logger(__name__)


@web.middleware
async def around(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer whatever happens, and tell of it."""
    started = perf_counter()
    VISITOR.set(_stranger(request))
    try:
        response = await _admitted(request, handler)
    except web.HTTPException as error:
        response = _refused(request, error)
    except FAILURES:
        response = _store_away(request)
    except Exception:
        log.exception("request_failed", route=_route(request))
        response = problem(request, 500, "Our mistake", "It has been noted in the log, with where it happened.")
    for name, value in SECURITY.items():
        response.headers.setdefault(name, value)
    if request.method != "GET" or response.status >= 400:
        ms = round((perf_counter() - started) * 1000, 1)
        log.info("request_answered", route=_route(request), status=response.status, ms=ms)
    return response


async def _admitted(request: web.Request, handler: Handler) -> web.StreamResponse:
    desk = request.app[DESK]
    if desk.settings.console_token is None and (why := why_not_local(request)):
        return problem(request, 403, "Not from here", why)
    visitor = VISITOR.get()
    if request.headers.get("Authorization", "").lower().startswith(_BEARER):
        return await _program(request, handler, desk)
    if not visitor.is_in and not request.path.startswith(OPEN):
        return _to_login(request)
    if request.method not in ("GET", "HEAD") and (why := await _why_not_ours(request, desk, visitor)):
        return problem(request, 403, "This form is not ours", why)
    response = await handler(request)
    return _with_cookie(request, response, desk, visitor)


def _stranger(request: web.Request) -> Visitor:
    """By cookie; whoever has none gets one, since the login form needs its token too."""
    desk = request.app[DESK]
    source, is_secure = whence(request, desk.settings.trusted_networks)
    known = cookies.given(request, is_secure=is_secure)
    session = (desk.sessions.read(known) if known else None) or desk.sessions.begin("guest")
    return Visitor(source, is_secure, session, session.is_in or desk.settings.console_token is None)


async def _program(request: web.Request, handler: Handler, desk: Desk) -> web.StreamResponse:
    """No cookie, so no other site's page can use it: a form token would add nothing."""
    visitor, token, now_ms = VISITOR.get(), desk.settings.console_token, desk.clock.now_ms()
    if wait_ms := desk.failures.wait_ms(visitor.source, now_ms=now_ms):
        return problem(request, 429, "Too many tries", "Wait, then try again.", Retry_After=str(-(-wait_ms // 1000)))
    given = request.headers["Authorization"][len(_BEARER) :].strip()
    if token is not None and not is_same_secret(given, token):
        desk.failures.count(visitor.source, now_ms=now_ms)
        log.warning("login_failed", by="program")
        return _unknown(request)
    if request.method == "POST" and request.content_type != _FORM:
        return problem(request, 415, "Not a form", _AS_FORM)
    VISITOR.set(Visitor(visitor.source, visitor.is_secure, None, True))
    return await handler(request)


def _to_login(request: web.Request) -> web.StreamResponse:
    if request.method == "GET" and not request.path.startswith("/api/"):
        return see(f"/login?next={quote(request.path_qs, safe='')}")
    return _unknown(request)


def _unknown(request: web.Request) -> web.StreamResponse:
    detail = "Log in, or send CONSOLE_TOKEN as `Authorization: Bearer …`."
    return problem(request, 401, "Not logged in", detail, WWW_Authenticate="Bearer")


async def _why_not_ours(request: web.Request, desk: Desk, visitor: Visitor) -> str | None:
    if not is_own_page(request):
        return "It was sent by another site's page."
    if request.content_type != _FORM or visitor.session is None:
        return _AS_FORM
    name = DASHBOARD_TOKEN if request.path.startswith(DASHBOARD) else FORM_TOKEN
    given = (await request.post()).get(name)
    if not isinstance(given, str) or not desk.sessions.knows_form_token(visitor.session, given):
        return "Its token is not that of your session: go back, reload the page, and send it again."
    return None


def _with_cookie(
    request: web.Request, response: web.StreamResponse, desk: Desk, visitor: Visitor
) -> web.StreamResponse:
    """A page with a form gives a newcomer the cookie that belongs to the form's token."""
    known = cookies.given(request, is_secure=visitor.is_secure)
    is_new = known is None or desk.sessions.read(known) is None
    is_page = response.content_type == "text/html"
    if visitor.session is not None and is_new and is_page and not response.cookies:
        cookies.give(response, desk.sessions.cookie(visitor.session), is_secure=visitor.is_secure)
    return response


def _store_away(request: web.Request) -> web.StreamResponse:
    detail = "Nothing can be looked up or done until it does; the overview shows what was seen last."
    return problem(request, 503, "The data store does not answer", detail, Retry_After="5")


def _refused(request: web.Request, error: web.HTTPException) -> web.StreamResponse:
    """aiohttp's own refusals, in our words; a redirection is none."""
    if error.status < 400:
        return web.Response(status=error.status, headers={"Location": error.headers.get("Location", "/")})
    detail = {404: "There is nothing at this address.", 405: "This address takes no such request."}
    headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
    return problem(request, error.status, error.reason, detail.get(error.status, error.reason), **headers)


def _route(request: web.Request) -> str:
    """The route's pattern, never the path: it may name somebody."""
    resource = request.match_info.route.resource
    return resource.canonical if resource else "none"
