"""Re-checks the store every minute: after a failover it may keep less than the store before it."""

from __future__ import annotations

import asyncio

import redis.asyncio

from common.observability.logs import get_logger
from common.store.durability import store_warnings_async
from common.store.errors import STORE_ERRORS
from common.store.format import format_problem_async
from common.store.identity import SECRET_KEY_MISMATCH, secret_key_matches_async
from common.store.refusals import find_refusal

INTERVAL_S = 60
RETRY_S = 2

log = get_logger(__name__)


class StoreMonitor:
    """
    `warnings`: one line for each weakness that the last check found, with its cure.

    That includes a store that cannot do our work, a format that this version does not read and, with a `secret_key`,
    that the store was begun with another one: a store that was away at the start, or has been replaced since, is only
    checked here.
    """

    def __init__(self, client: redis.asyncio.Redis, secret_key: str | None = None) -> None:
        self.warnings: list[str] = []
        self._client, self._secret_key = client, secret_key
        self._stopped = False

    async def run(self) -> None:
        """Until cancelled: as soon as the store answers, and then once a minute."""
        while not self._stopped:
            answered = await self.check()
            if not self._stopped:
                await asyncio.sleep(INTERVAL_S if answered else RETRY_S)  # noqa: TID251 -- no job depends on it

    def stop(self) -> None:
        """Called together with a cancellation, which redis-py swallows while it connects."""
        self._stopped = True

    async def check(self) -> bool:
        """Log each new weakness as `store_misconfigured`. False when the store does not answer."""
        try:
            found = [*await store_warnings_async(self._client), *await self._problems()]
        except STORE_ERRORS:
            return False
        for line in found:
            if line in self.warnings:
                continue
            if line == SECRET_KEY_MISMATCH:
                log.error("secret_key_mismatched", cure=line)
            else:
                log.warning("store_misconfigured", warning=line)
        self.warnings = found
        return True

    async def _problems(self) -> list[str]:
        refusal = await find_refusal(self._client)
        if refusal is not None and refusal.is_final:
            return [refusal.line]
        found = []
        if self._secret_key and not await secret_key_matches_async(self._client, self._secret_key):
            found.append(SECRET_KEY_MISMATCH)
        if problem := await format_problem_async(self._client):
            found.append(problem)
        return found
