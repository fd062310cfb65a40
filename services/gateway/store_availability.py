"""Tracks whether the store answers. After one failure no request waits for the store until it answers again."""

from __future__ import annotations

import asyncio

import redis
import redis.asyncio

from common.observability.logs import get_logger

ANSWER_SECONDS_MAX = 2
"""Shorter than in a worker, because a website and its visitor wait for the response."""

_REFUSES_EVERYTHING = (
    "MISCONF", "OOM", "READONLY", "LOADING", "NOREPLICAS", "CLUSTERDOWN", "MASTERDOWN", "BUSY", "NOAUTH", "WRONGPASS",
    "NOPERM", "TRYAGAIN", "MOVED", "ASK", "NOSCRIPT",
)  # fmt: skip

log = get_logger(__name__)


def refuses_only_this(error: BaseException) -> bool:
    """Return whether the store works and refused only this event: an internal error, which waiting does not fix."""
    is_plain = type(error) in (redis.ResponseError, redis.DataError)
    return is_plain and not str(error).startswith(_REFUSES_EVERYTHING)


def limit_answer_time(client: redis.asyncio.Redis, *, seconds_max: float = ANSWER_SECONDS_MAX) -> redis.asyncio.Redis:
    """
    Limit how long `client`, which has not been used yet, waits for each answer of the store. Return it.

    The limit is set on the connection, which a whole pipeline shares: a timer for each request would cost as much as
    the request's validation.
    """
    client.connection_pool.connection_kwargs["socket_timeout"] = seconds_max
    return client


class StoreAvailability:
    """`is_away`: this process considers the store unavailable. `changed`: set when the replay has something to do."""

    def __init__(self) -> None:
        self.is_away = False
        self.changed = asyncio.Event()

    def record_failure(self, error: BaseException) -> None:
        """Record that a command failed: the store counts as away, unless it refused only this event."""
        self.changed.set()
        if refuses_only_this(error):
            log.error("store_refused_an_event", error=type(error).__name__)
            return
        if not self.is_away:
            log.warning("store_away", error=type(error).__name__)
        self.is_away = True

    def record_answer(self) -> None:
        """Record that a command succeeded: the store is back."""
        if self.is_away:
            log.info("store_back")
        self.is_away = False
