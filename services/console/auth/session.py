"""
Browser sessions: a signed cookie, and a token in each form that only this console's own pages can know.

The cookie holds no secret: a user's name or `guest`, a random id, and the expiry. It is signed with SECRET_KEY together
with the hash of the user's token, so a new token or the removal of the user ends the user's sessions.
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
"""A working day; then the user must log in again."""
_COOKIE = "advent_console"


@dataclass(frozen=True, slots=True)
class Session:
    """A browser session. `id`: random, 144 bits. `expires_s`: seconds since 1970. `user`: None for a guest."""

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
    """Creates sessions and reads them from cookies. `EndedSessions` knows sessions that ended early."""

    def __init__(self, secret_key: str, users: Iterable[ConsoleUser], clock: Clock) -> None:
        """`users`: the users who may log in."""
        self._secret_key, self._clock = secret_key.encode(), clock
        self._users = {user.name: user for user in users}

    def begin(self, user: ConsoleUser | None = None) -> Session:
        """Create a session. `user`: None for a guest."""
        return Session(secrets.token_urlsafe(18), self._now_s() + SESSION_S, user)

    def cookie(self, session: Session) -> str:
        kind, name = ("in", session.user.name) if session.user else ("guest", "")
        payload = f"{kind}.{session.id}.{session.expires_s}.{name}"
        return f"{payload}.{self._sign('cookie', payload, session.user)}"

    def read(self, cookie: str) -> Session | None:
        """Return the session of a cookie, or None if the cookie is forged or expired."""
        payload, _, signature = cookie.rpartition(".")
        _, id, expires, name = (payload.split(".", 3) + [""] * 3)[:4]
        user = self._users.get(name)
        if (name and user is None) or not is_same_secret(signature, self._sign("cookie", payload, user)):
            return None
        if int(expires) <= self._now_s():
            return None
        return Session(id, int(expires), user)

    def form_token(self, session: Session | None) -> str:
        """Return the secret that every form of this session carries. `session`: None for a program."""
        return self._sign("form", session.id, session.user) if session else self._sign("form", "", None)

    def is_form_token(self, session: Session, token: str) -> bool:
        return is_same_secret(token, self.form_token(session))

    def _sign(self, purpose: str, payload: str, user: ConsoleUser | None) -> str:
        key = hmac.digest(self._secret_key, f"console\n{user.token_sha256 if user else ''}".encode(), "sha256")
        return hmac.digest(key, _bytes(f"{purpose}\n{payload}"), "sha256").hex()

    def _now_s(self) -> int:
        return self._clock.now_ms() // 1000


def is_same_secret(given: str, expected: str) -> bool:
    """Compare in a time that reveals nothing about `expected`, not even its length."""
    first, second = (hashlib.sha256(_bytes(text)).digest() for text in (given, expected))
    return hmac.compare_digest(first, second)


def session_cookie(request: web.Request, *, is_secure: bool) -> str | None:
    return request.cookies.get(_cookie_name(is_secure))


def set_session_cookie(response: web.StreamResponse, value: str, *, is_secure: bool) -> None:
    response.set_cookie(_cookie_name(is_secure), value, max_age=SESSION_S, **_cookie_attributes(is_secure))


def delete_session_cookie(response: web.StreamResponse, *, is_secure: bool) -> None:
    response.del_cookie(_cookie_name(is_secure), **_cookie_attributes(is_secure))


def _cookie_name(is_secure: bool) -> str:
    """Return the cookie's name; over TLS it has a prefix that no other host of the domain can set."""
    return f"__Host-{_COOKIE}" if is_secure else _COOKIE


def _cookie_attributes(is_secure: bool) -> dict[str, Any]:
    """
    Return the attributes of the cookie.

    SameSite is Lax. With Strict, a request that follows a link in an alert or a chat would lack the cookie, and the
    answer would replace it by a guest's cookie. With Lax, another site can send the cookie only with a GET, which
    changes nothing.
    """
    return {"path": "/", "httponly": True, "samesite": "Lax", "secure": is_secure}


def _bytes(text: str) -> bytes:
    """Encode a header's text. Headers may hold any bytes; aiohttp decodes invalid ones as surrogates."""
    return text.encode("utf-8", "surrogateescape")
