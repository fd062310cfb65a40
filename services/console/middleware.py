"""Middleware of every request: identifies the user, checks access, adds security headers, handles errors, logs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Final
from urllib.parse import quote

from aiohttp import web

from common.observability.logs import get_logger
from common.settings.console_users import TOKEN_USER, ConsoleUser, user_with
from services.console.auth.access import LOCAL_USER, PRINCIPAL, Principal, is_secure, reason_not_local
from services.console.auth.session import Session, session_cookie, set_session_cookie
from services.console.context import ConsoleContext
from services.console.replies import problem_response, see_other
from services.console.status.status_cache import STORE_FAILURES
from services.web.client_address import is_trusted, request_source
from services.web.pages import is_same_origin
from services.web.problem import Problem, problem_of
from services.web.rate_limit import retry_after
from services.web.security_headers import PAGE_HEADERS, add_security_headers

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

PUBLIC_PATHS: Final = ("/health", "/ready", "/metrics", "/login", "/static/", "/assets/")
"""Paths that need no login: they show no personal data and change nothing."""
CHANGES_NOTHING: Final = ("/login", "/logout", "/people", "/people.csv", "/actions")
"""Paths of forms that a user with the role `read` may send: log in, log out, search, download."""
API_PATH: Final = "/api/"
FORM_TOKEN: Final = "form_token"
DASHBOARD_PATH: Final = "/dramatiq/"
DASHBOARD_TOKEN: Final = "__dd_csrf"
"""The dashboard's forms carry the same token under their own name; see `dashboard/dashboard.py`."""
_BEARER: Final = "bearer "
_FORM: Final = "application/x-www-form-urlencoded"
_SEND_A_FORM: Final = f"It must be sent as {_FORM}."

log = get_logger(__name__)


class RequestMiddleware:
    """Passes an allowed request to its handler and answers any other with a problem, so no handler checks access."""

    def __init__(self, context: ConsoleContext) -> None:
        self._context = context

    async def __call__(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        started = perf_counter()
        PRINCIPAL.set(await self._browser(request))
        try:
            response = await self._allowed(request, handler)
        except Problem as problem:
            response = problem_response(request, problem)
        except web.HTTPException as error:
            response = _router_response(request, error)
        except STORE_FAILURES:
            response = problem_response(request, _store_away())
        except Exception:
            log.exception("request_failed", route=_route(request))
            response = problem_response(request, Problem(500, "The log has the traceback.", title="Internal error"))
        add_security_headers(response.headers, PAGE_HEADERS)
        if request.method != "GET" or response.status >= 400:
            ms = round((perf_counter() - started) * 1000, 1)
            log.info("request_answered", route=_route(request), status=response.status, ms=ms)
        return response

    async def _browser(self, request: web.Request) -> Principal:
        """
        Identify a browser by its cookie.

        A browser without a valid one gets a guest session, because the login form needs a form token.
        """
        context = self._context
        trusted = context.settings.trusted_networks
        secure = is_secure(request, trusted)
        cookie = session_cookie(request, is_secure=secure)
        session = context.sessions.read(cookie) if cookie else None
        if session is None or (session.is_logged_in and await context.ended_sessions.is_ended(session)):
            session = context.sessions.begin()
        return Principal(request_source(request, trusted), secure, session, self._user(request, session))

    def _user(self, request: web.Request, session: Session) -> ConsoleUser | None:
        """
        Return the user of a browser's request, or None for a guest.

        A trusted proxy may name one of CONSOLE_USERS in CONSOLE_USER_HEADER. A header that occurs twice names nobody,
        because one of the two may come from the client.
        """
        settings = self._context.settings
        if not self._context.logins:
            return LOCAL_USER
        header = settings.console_user_header
        if header and is_trusted(request.remote or "", settings.trusted_networks) and header in request.headers:
            names = request.headers.getall(header)
            named = [user for user in self._context.logins if names == [user.name] and user.name != TOKEN_USER]
            return named[0] if named else None
        return session.user if session.is_logged_in else None

    async def _allowed(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if not self._context.logins and (reason := reason_not_local(request)):
            raise Problem(403, reason, title="Not from this machine")
        if request.headers.get("Authorization", "").lower().startswith(_BEARER):
            return await self._program(request, handler)
        principal = PRINCIPAL.get()
        if not principal.is_authenticated and not request.path.startswith(PUBLIC_PATHS):
            return _to_login(request)
        if request.method not in ("GET", "HEAD"):
            await self._check_form(request, principal)
            _check_role(request, principal)
        return self._with_cookie(request, await handler(request), principal)

    async def _program(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """
        Handle a request with `Authorization: Bearer`.

        It needs no form token: it is not authorized by a cookie, so a page of another site cannot forge it.
        """
        context, principal, now_ms = self._context, PRINCIPAL.get(), self._context.clock.now_ms()
        if wait_ms := context.login_failures.wait_ms(principal.source, now_ms=now_ms):
            raise Problem(429, "Wait, then try again.", title="Too many attempts", headers=retry_after(wait_ms))
        token = request.headers["Authorization"][len(_BEARER) :].strip()
        user = user_with(token, context.logins) if context.logins else LOCAL_USER
        if user is None:
            context.login_failures.record_failure(principal.source, now_ms=now_ms)
            log.warning("login_failed", by="program")
            raise _not_logged_in()
        is_api = request.path.startswith(API_PATH)
        if request.method == "POST" and request.content_type != _FORM and not is_api:
            raise Problem(415, _SEND_A_FORM, title="Not a form")
        PRINCIPAL.set(Principal(principal.source, principal.is_secure, None, user))
        if request.method not in ("GET", "HEAD"):
            _check_role(request, PRINCIPAL.get())
        return await handler(request)

    async def _check_form(self, request: web.Request, principal: Principal) -> None:
        """Raises Problem 403 if a page of another site could have sent the form."""
        if not is_same_origin(request):
            raise _forged("It was sent by another site's page.")
        if request.content_type != _FORM or principal.session is None:
            raise _forged(_SEND_A_FORM)
        name = DASHBOARD_TOKEN if request.path.startswith(DASHBOARD_PATH) else FORM_TOKEN
        token = (await request.post()).get(name)
        if not isinstance(token, str) or not self._context.sessions.is_form_token(principal.session, token):
            raise _forged("Its token does not match your session: go back, reload the page, and send it again.")

    def _with_cookie(
        self, request: web.Request, response: web.StreamResponse, principal: Principal
    ) -> web.StreamResponse:
        """Add the session cookie to a page for a new browser, because its form tokens belong to that session."""
        sessions = self._context.sessions
        cookie = session_cookie(request, is_secure=principal.is_secure)
        own = sessions.cookie(principal.session) if principal.session else None
        is_page = response.content_type == "text/html"
        if own is not None and own != cookie and is_page and not response.cookies:
            set_session_cookie(response, own, is_secure=principal.is_secure)
        return response


def _check_role(request: web.Request, principal: Principal) -> None:
    """Raises Problem 403 if a user with the role `read` tries to change something."""
    if principal.user is not None and not principal.may_act and request.path not in CHANGES_NOTHING:
        detail = f"{principal.name} has the role `read`. Ask somebody with the role `full` to do it."
        raise Problem(403, detail, title="You may look, but not act")


def _to_login(request: web.Request) -> web.StreamResponse:
    if request.method == "GET" and not request.path.startswith(API_PATH):
        return see_other(f"/login?next={quote(request.path_qs, safe='')}")
    raise _not_logged_in()


def _not_logged_in() -> Problem:
    detail = "Log in, or send your token as `Authorization: Bearer …`."
    return Problem(401, detail, title="Not logged in", headers={"WWW-Authenticate": "Bearer"})


def _store_away() -> Problem:
    detail = "Nothing can be read or changed until it does; the overview shows the last known state."
    return Problem(503, detail, title="The data store does not answer", headers={"Retry-After": "5"})


def _forged(detail: str) -> Problem:
    return Problem(403, detail, title="This form is not from this console")


def _router_response(request: web.Request, error: web.HTTPException) -> web.Response:
    """Convert a response raised by aiohttp: an unknown path or method becomes a problem, a redirect stays one."""
    if error.status < 400:
        return web.Response(status=error.status, headers={"Location": error.headers.get("Location", "/")})
    return problem_response(request, problem_of(error))


def _route(request: web.Request) -> str:
    """Return the route's pattern for the log, never the path, which may contain an enrollment id."""
    resource = request.match_info.route.resource
    return resource.canonical if resource else "none"
