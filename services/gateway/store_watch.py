"""Whether the store answers: one failure, and nobody waits for it until it does again."""

from __future__ import annotations

import asyncio

import redis
import redis.asyncio

from common.observability.logs import get_logger

FAILURES = (redis.RedisError, OSError, TimeoutError)
"""What the ledger raises when the store is away. Whatever else it raises is our mistake."""

ANSWER_SECONDS_MAX = 2
"""A store that does not answer is away: whoever waits for a door waits less long than a worker does."""

_REFUSES_ALL = (
    "MISCONF", "OOM", "READONLY", "LOADING", "NOREPLICAS", "CLUSTERDOWN", "MASTERDOWN", "BUSY", "NOAUTH", "WRONGPASS",
    "NOPERM", "TRYAGAIN", "MOVED", "ASK", "NOSCRIPT",
)  # fmt: skip

log = get_logger(__name__)


def refuses_only_this(error: BaseException) -> bool:
    """The store works, and has no use for this one event: a fault of ours, which waiting does not mend."""
    plain = type(error) in (redis.ResponseError, redis.DataError)
    return plain and not str(error).startswith(_REFUSES_ALL)


def impatient(client: redis.asyncio.Redis, *, seconds_max: float = ANSWER_SECONDS_MAX) -> redis.asyncio.Redis:
    """
    The client, before its first use, giving up on a store that does not answer.

    Set on the connection, where a whole pipeline shares it: a timer for each request would cost as much as its check.
    """
    client.connection_pool.connection_kwargs["socket_timeout"] = seconds_max
    return client


class StoreWatch:
    """What this process knows of the store. `changed` is set when there is something for the replay to do."""

    def __init__(self) -> None:
        self.is_away = False
        self.changed = asyncio.Event()

    def failed(self, error: BaseException) -> None:
        self.changed.set()
        if refuses_only_this(error):
            log.error("store_refused_an_event", error=type(error).__name__)
            return
        if not self.is_away:
            log.warning("store_away", error=type(error).__name__)
        self.is_away = True

    def answered(self) -> None:
        if self.is_away:
            log.info("store_back")
        self.is_away = False
