"""Looks at what this process's store promises less than it should; after a failover it is another store."""

from __future__ import annotations

import asyncio

import redis
import redis.asyncio

from common.observability.logs import get_logger
from common.store.durability import store_warnings_async
from common.store.format import format_problem_async
from common.store.secret_key import ANOTHER, is_the_stores_async

EVERY_S = 60
AGAIN_S = 2

log = get_logger(__name__)


class Lookout:
    """
    `lines`: the weaknesses that were seen when the store was last looked at, with their cures.

    Also that it is written in a format that this version does not read, and, with a `secret_key`, that it was begun
    with another one: a store that was away at the start, or has been replaced since, is asked only now.
    """

    def __init__(self, client: redis.asyncio.Redis, secret_key: str | None = None) -> None:
        self.lines: list[str] = []
        self._client, self._secret_key = client, secret_key
        self._stopped = False

    async def keep_looking(self) -> None:
        """Until cancelled: as soon as the store answers, and then once a minute."""
        while not self._stopped:
            looked = await self.look()
            if not self._stopped:
                await asyncio.sleep(EVERY_S if looked else AGAIN_S)  # noqa: TID251 -- no job depends on it

    def stop(self) -> None:
        """Together with a cancellation, which redis-py swallows while it connects."""
        self._stopped = True

    async def look(self) -> bool:
        """Log each new weakness as `store_misconfigured`. False when the store is away, which says nothing about it."""
        try:
            found = await store_warnings_async(self._client)
            if self._secret_key and not await is_the_stores_async(self._client, self._secret_key):
                found.append(ANOTHER)
            if problem := await format_problem_async(self._client):
                found.append(problem)
        except (redis.RedisError, OSError):
            return False
        for line in found:
            if line in self.lines:
                continue
            if line == ANOTHER:
                log.error("secret_key_mismatched", cure=line)
            else:
                log.warning("store_misconfigured", warning=line)
        self.lines = found
        return True
