"""Whether the store answers: one failure, and nobody waits for it until it does again."""

from __future__ import annotations

import asyncio

import redis

from common.logs import get_logger

FAILURES = (redis.RedisError, OSError, TimeoutError)
"""What the ledger raises when the store is away. Whatever else it raises is our mistake."""

_REFUSES_ALL = (
    "MISCONF", "OOM", "READONLY", "LOADING", "NOREPLICAS", "CLUSTERDOWN", "MASTERDOWN", "BUSY", "NOAUTH", "WRONGPASS",
    "NOPERM", "TRYAGAIN", "MOVED", "ASK", "NOSCRIPT",
)  # fmt: skip

log = get_logger(__name__)


def refuses_only_this(error: BaseException) -> bool:
    """The store works, and has no use for this one event: a fault of ours, which waiting does not mend."""
    plain = type(error) in (redis.ResponseError, redis.DataError)
    return plain and not str(error).startswith(_REFUSES_ALL)


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
