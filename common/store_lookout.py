"""Looks at what this process's store promises less than it should; after a failover it is another store."""

from __future__ import annotations

import asyncio

import redis
import redis.asyncio

from common.logs import get_logger
from common.store_weakness import store_warnings_async

EVERY_S = 60
AGAIN_S = 2

log = get_logger(__name__)


class Lookout:
    """`lines`: the weaknesses that were seen when the store was last looked at, with their cures."""

    def __init__(self, client: redis.asyncio.Redis) -> None:
        self.lines: list[str] = []
        self._client = client
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
        """Each weakness is logged when it is new, `store_weak`. False when the store is away, which is no judgement."""
        try:
            found = await store_warnings_async(self._client)
        except (redis.RedisError, OSError):
            return False
        for line in found:
            if line not in self.lines:
                log.warning("store_weak", warning=line)
        self.lines = found
        return True
