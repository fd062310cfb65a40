"""
Sessions that ended before they expired: a copy of such a cookie is invalid, at every console and after a restart.

The store remembers them until they would have expired. While it does not answer, a session counts as ended unless this
process has seen it in use.
"""

from __future__ import annotations

import asyncio

import redis
import redis.asyncio

from common.clock import Clock
from common.ledger.keys import PREFIX
from services.console.auth.session import Session

_KEY = PREFIX + "console_session_ended:"
"""`+ id`: STRING, which expires with the session."""
ANSWER_SECONDS_MAX = 1
_STORE_FAILURES = (redis.RedisError, OSError, TimeoutError)


class EndedSessions:
    def __init__(self, client: redis.asyncio.Redis, clock: Clock) -> None:
        self._client, self._clock = client, clock
        self._ended: dict[str, Session] = {}
        self._unsaved: dict[str, Session] = {}
        self._seen: dict[str, Session] = {}

    def begin(self, session: Session) -> None:
        """A session that began just now is in use, whether the store answers or not."""
        self._seen = self._current(self._seen)
        self._seen[session.id] = session

    async def end(self, session: Session) -> None:
        """From now on; in the store, too, as soon as that answers."""
        self._ended = self._current(self._ended)
        self._ended[session.id] = self._unsaved[session.id] = session
        await self.has(session)

    async def has(self, session: Session) -> bool:
        try:
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                await self._save()
                is_ended = bool(await self._client.exists(_KEY + session.id))
        except _STORE_FAILURES:
            return session.id in self._ended or session.id not in self._seen
        if not is_ended:
            self.begin(session)
        return is_ended

    async def _save(self) -> None:
        for session in list(self._unsaved.values()):
            if (left_s := session.expires_s - self._now_s()) > 0:
                await self._client.set(_KEY + session.id, 1, ex=left_s)
            self._unsaved.pop(session.id, None)

    def _current(self, sessions: dict[str, Session]) -> dict[str, Session]:
        now_s = self._now_s()
        return {id: session for id, session in sessions.items() if session.expires_s > now_s}

    def _now_s(self) -> int:
        return self._clock.now_ms() // 1000
