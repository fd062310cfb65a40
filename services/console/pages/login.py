"""Log in with a token, log out with a button."""

from __future__ import annotations

from aiohttp import web

from common.observability.logs import get_logger
from common.settings.console_users import user_with
from services.console.auth.access import PRINCIPAL
from services.console.auth.session import delete_session_cookie, set_session_cookie
from services.console.context import CONTEXT
from services.console.replies import page, see_other
from services.web.rate_limit import retry_after

log = get_logger(__name__)


async def show(request: web.Request) -> web.Response:
    next_path = _local_path(request.query.get("next", "/"))
    if PRINCIPAL.get().is_authenticated:
        return see_other(next_path)
    return page(request, "login.html", next=next_path, error="", here="")


async def log_in(request: web.Request) -> web.Response:
    """Log in with a new session. The guest session gets no rights, because others may have seen its cookie."""
    context, principal, form = request.app[CONTEXT], PRINCIPAL.get(), await request.post()
    next_path, now_ms = _local_path(str(form.get("next", "/"))), context.clock.now_ms()
    if not context.logins:
        return see_other(next_path)
    if wait_ms := context.login_failures.wait_ms(principal.source, now_ms=now_ms):
        headers = retry_after(wait_ms)
        error = f"Too many wrong tokens. Try again in {headers['Retry-After']} s."
        response = page(request, "login.html", status=429, next=next_path, error=error, here="")
        response.headers.update(headers)
        return response
    user = user_with(str(form.get("token", "")).strip(), context.logins)
    if user is None:
        context.login_failures.record_failure(principal.source, now_ms=now_ms)
        log.warning("login_failed", by="browser")
        return page(request, "login.html", status=401, next=next_path, error="That is not the token.", here="")
    log.info("logged_in", user=user.name)
    response = see_other(next_path)
    session = context.sessions.begin(user)
    context.ended_sessions.begin(session)
    cookie = context.sessions.cookie(session)
    set_session_cookie(response, cookie, is_secure=principal.is_secure)
    return response


async def log_out(request: web.Request) -> web.Response:
    principal = PRINCIPAL.get()
    if principal.session is not None:
        await request.app[CONTEXT].ended_sessions.end(principal.session)
    log.info("logged_out", user=principal.name)
    response = see_other("/login")
    delete_session_cookie(response, is_secure=principal.is_secure)
    return response


def _local_path(path: str) -> str:
    """Return the path if it belongs to this console, else `/`. Browsers read `//x` and `/\\x` as other hosts."""
    is_local = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if is_local and not path.startswith("/login") else "/"
