"""
Who sits at the browser: a signed cookie, and a token in each form that only pages of ours can know.

The cookie holds no secret and nothing of a person: whether its bearer knew CONSOLE_TOKEN, a random number, an end. It
is signed with SECRET_KEY and with the token itself, so that a new token ends every session.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Literal

from common.clock import Clock

SESSION_S = 12 * 3600
"""A working day; whoever stays longer logs in again."""

Standing = Literal["guest", "in"]


@dataclass(frozen=True, slots=True)
class Session:
    """`number`: random, 144 bits. `ends_s`: seconds since 1970."""

    standing: Standing
    number: str
    ends_s: int

    @property
    def is_in(self) -> bool:
        return self.standing == "in"


class Sessions:
    """Makes, reads and ends sessions; those ended before their time are remembered by this process until then."""

    def __init__(self, secret_key: str, token: str | None, clock: Clock) -> None:
        self._key = hmac.digest(secret_key.encode(), b"console\n" + (token or "").encode(), "sha256")
        self._clock = clock
        self._ended: dict[str, int] = {}

    def begin(self, standing: Standing) -> Session:
        return Session(standing, secrets.token_urlsafe(18), self._now_s() + SESSION_S)

    def end(self, session: Session) -> None:
        """A copy of its cookie is worth nothing from now on."""
        now_s = self._now_s()
        self._ended = {number: ends_s for number, ends_s in self._ended.items() if ends_s > now_s}
        self._ended[session.number] = session.ends_s

    def cookie(self, session: Session) -> str:
        said = f"{session.standing}.{session.number}.{session.ends_s}"
        return f"{said}.{self._sign('cookie', said)}"

    def read(self, cookie: str) -> Session | None:
        """None for a cookie that is made up, over, or ended."""
        said, _, signature = cookie.rpartition(".")
        if not is_same_secret(signature, self._sign("cookie", said)):
            return None
        standing, number, ends = said.split(".")
        if int(ends) <= self._now_s() or number in self._ended:
            return None
        return Session("in" if standing == "in" else "guest", number, int(ends))

    def form_token(self, session: Session | None) -> str:
        """What every form of this session carries, and nobody else can know; None: of a program, which has none."""
        return self._sign("form", session.number if session else "")

    def knows_form_token(self, session: Session, given: str) -> bool:
        return is_same_secret(given, self.form_token(session))

    def _sign(self, purpose: str, said: str) -> str:
        return hmac.digest(self._key, _bytes(f"{purpose}\n{said}"), "sha256").hex()

    def _now_s(self) -> int:
        return self._clock.now_ms() // 1000


def is_same_secret(given: str, right: str) -> bool:
    """In a time that tells nothing of `right`, not even its length."""
    first, second = (hashlib.sha256(_bytes(text)).digest() for text in (given, right))
    return hmac.compare_digest(first, second)


def _bytes(text: str) -> bytes:
    """Headers may hold anything, and aiohttp keeps it so."""
    return text.encode("utf-8", "surrogateescape")
