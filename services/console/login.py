"""In by CONSOLE_TOKEN, out by a button."""

from __future__ import annotations

from aiohttp import web

from common.observability.logs import get_logger
from services.console import cookies
from services.console.desk import DESK
from services.console.replies import page, see
from services.console.session import is_same_secret
from services.console.visitor import VISITOR

log = get_logger(__name__)


async def show(request: web.Request) -> web.Response:
    if VISITOR.get().is_in:
        return see(_own_path(request.query.get("next", "/")))
    return page(request, "login.html", next=_own_path(request.query.get("next", "/")), trouble="")


async def enter(request: web.Request) -> web.StreamResponse:
    """A new session for whoever knows the token; the one of before, which others may have seen, is worth nothing."""
    desk, visitor, form = request.app[DESK], VISITOR.get(), await request.post()
    where, now_ms = _own_path(str(form.get("next", "/"))), desk.clock.now_ms()
    token = desk.settings.console_token
    if token is None:
        return see(where)
    if wait_ms := desk.failures.wait_ms(visitor.source, now_ms=now_ms):
        wait_s = -(-wait_ms // 1000)
        trouble = f"Too many wrong tokens. Try again in {wait_s} s."
        answer = page(request, "login.html", status=429, next=where, trouble=trouble)
        answer.headers["Retry-After"] = str(wait_s)
        return answer
    if not is_same_secret(str(form.get("token", "")).strip(), token):
        desk.failures.count(visitor.source, now_ms=now_ms)
        log.warning("login_failed", by="browser")
        return page(request, "login.html", status=401, next=where, trouble="That is not the token.")
    log.info("logged_in")
    answer = see(where)
    cookies.give(answer, desk.sessions.cookie(desk.sessions.begin("in")), is_secure=visitor.is_secure)
    return answer


async def leave(request: web.Request) -> web.Response:
    visitor = VISITOR.get()
    if visitor.session is not None:
        request.app[DESK].sessions.end(visitor.session)
    log.info("logged_out")
    answer = see("/login")
    cookies.take_back(answer, is_secure=visitor.is_secure)
    return answer


def _own_path(path: str) -> str:
    """A path of ours, never another site's: browsers read `//x` and `/\\x` as hosts."""
    is_own = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if is_own and not path.startswith("/login") else "/"
