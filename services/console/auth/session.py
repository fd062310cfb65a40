"""
Sessions of browsers: a signed cookie, and a token in each form that only this console's own pages can know.

The cookie holds no secret: whether its bearer has logged in and as whom, a random id, an expiry. It is signed with
SECRET_KEY and that user's token hash together, so that a new token, or the removal of a user, ends their sessions.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from common.clock import Clock
from common.settings.console_users import ConsoleUser

SESSION_S = 12 * 3600
"""A working day; after it one logs in again."""
_COOKIE = "advent_console"


@dataclass(frozen=True, slots=True)
class Session:
    """`id`: random, 144 bits. `expires_s`: seconds since 1970. `user`: who logged in; None: a guest."""

    id: str
    expires_s: int
    user: ConsoleUser | None

    @property
    def begun_s(self) -> int:
        return self.expires_s - SESSION_S

    @property
    def is_logged_in(self) -> bool:
        return self.user is not None


class Sessions:
    """Creates and reads sessions; `EndedSessions` knows those that ended early."""

    def __init__(self, secret_key: str, users: Iterable[ConsoleUser], clock: Clock) -> None:
        """`users`: who may log in."""
        self._secret_key, self._clock = secret_key.encode(), clock
        self._users = {user.name: user for user in users}

    def begin(self, user: ConsoleUser | None = None) -> Session:
        """`user`: who has logged in; None: a guest."""
        return Session(secrets.token_urlsafe(18), self._now_s() + SESSION_S, user)

    def cookie(self, session: Session) -> str:
        kind, name = ("in", session.user.name) if session.user else ("guest", "")
        payload = f"{kind}.{session.id}.{session.expires_s}.{name}"
        return f"{payload}.{self._sign('cookie', payload, session.user)}"

    def read(self, cookie: str) -> Session | None:
        """None for a cookie that is forged or expired."""
        payload, _, signature = cookie.rpartition(".")
        _, id, expires, name = (payload.split(".", 3) + [""] * 3)[:4]
        user = self._users.get(name)
        if (name and user is None) or not is_same_secret(signature, self._sign("cookie", payload, user)):
            return None
        if int(expires) <= self._now_s():
            return None
        return Session(id, int(expires), user)

    def form_token(self, session: Session | None) -> str:
        """What every form of this session carries and nobody else can know; None: a program's, which has no session."""
        return self._sign("form", session.id, session.user) if session else self._sign("form", "", None)

    def is_form_token(self, session: Session, token: str) -> bool:
        return is_same_secret(token, self.form_token(session))

    def _sign(self, purpose: str, payload: str, user: ConsoleUser | None) -> str:
        key = hmac.digest(self._secret_key, f"console\n{user.token_sha256 if user else ''}".encode(), "sha256")
        return hmac.digest(key, _bytes(f"{purpose}\n{payload}"), "sha256").hex()

    def _now_s(self) -> int:
        return self._clock.now_ms() // 1000


def is_same_secret(given: str, expected: str) -> bool:
    """In a time that reveals nothing of `expected`, not even its length."""
    first, second = (hashlib.sha256(_bytes(text)).digest() for text in (given, expected))
    return hmac.compare_digest(first, second)


def session_cookie(request: web.Request, *, is_secure: bool) -> str | None:
    return request.cookies.get(_cookie_name(is_secure))


def set_session_cookie(response: web.StreamResponse, value: str, *, is_secure: bool) -> None:
    response.set_cookie(_cookie_name(is_secure), value, max_age=SESSION_S, **_cookie_attributes(is_secure))


def delete_session_cookie(response: web.StreamResponse, *, is_secure: bool) -> None:
    response.del_cookie(_cookie_name(is_secure), **_cookie_attributes(is_secure))


def _cookie_name(is_secure: bool) -> str:
    """Over TLS a name that no other host of the domain can set."""
    return f"__Host-{_COOKIE}" if is_secure else _COOKIE


def _cookie_attributes(is_secure: bool) -> dict[str, Any]:
    """
    SameSite is Lax, not Strict: a link in an alert or a chat would arrive without the cookie, and the answer would
    replace it by a guest's. The only request that another site can send with it is a GET, which changes nothing.
    """
    return {"path": "/", "httponly": True, "samesite": "Lax", "secure": is_secure}


def _bytes(text: str) -> bytes:
    """Headers may hold any bytes, which aiohttp keeps as surrogates."""
    return text.encode("utf-8", "surrogateescape")
