"""
Sessions that ended before they expired. A copy of their cookie is invalid, at every console and after a restart.

The store remembers them until they would have expired. A store that was restored or emptied may have lost some, so a
session that began before the loss was noticed counts as ended. While the store does not answer, or if no worker has
ever used it, a session counts as ended unless this process has seen it in use.
"""

from __future__ import annotations

import asyncio

import redis
import redis.asyncio

from common.clock import Clock
from common.domain.store_generation import EMPTIED, RESTORED, UNSETTLED
from common.ledger import keys
from common.ledger.holds import read_hold
from common.ledger.store import texts
from services.console.auth.session import Session

_KEY = keys.PREFIX + "console_session_ended:"
"""`+ id`: STRING that expires with the session."""
ANSWER_SECONDS_MAX = 1
_FORGOT = (RESTORED, EMPTIED, UNSETTLED)
"""Holds on all sending whose reason is that the store has lost earlier data."""
_STORE_FAILURES = (redis.RedisError, OSError, TimeoutError)


class EndedSessions:
    def __init__(self, client: redis.asyncio.Redis, clock: Clock) -> None:
        self._client, self._clock = client, clock
        self._ended: dict[str, Session] = {}
        self._unsaved: dict[str, Session] = {}
        self._seen: dict[str, Session] = {}

    def begin(self, session: Session) -> None:
        """Note that a session is in use, so that it stays valid while the store does not answer."""
        self._seen = self._current(self._seen)
        self._seen[session.id] = session

    async def end(self, session: Session) -> None:
        """End a session now, and record it in the store as soon as the store answers."""
        self._ended = self._current(self._ended)
        self._ended[session.id] = self._unsaved[session.id] = session
        await self.is_ended(session)

    async def is_ended(self, session: Session) -> bool:
        """Whether a session counts as ended. One that does not is noted as in use."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                await self._save()
                is_ended = await self._is_ended_in_store(session)
        except _STORE_FAILURES:
            is_ended = session.id not in self._seen
        is_ended = is_ended or session.id in self._ended
        if not is_ended:
            self.begin(session)
        return is_ended

    async def _is_ended_in_store(self, session: Session) -> bool:
        pipe = self._client.pipeline(transaction=False)
        pipe.exists(_KEY + session.id)
        pipe.hmget(keys.GENERATION, "id", "follows_ms")
        pipe.hmget(keys.HOLD_ALL, *_FORGOT)
        is_ended, (generation, follows_ms), holds = texts(await pipe.execute())
        if generation is None and session.id not in self._seen:
            return True
        noticed = [int(follows_ms or 0), *(read_hold(text).since_ms for text in holds if text)]
        return bool(is_ended) or session.begun_s < max(noticed) // 1000

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
