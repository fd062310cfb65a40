"""The store monitor re-checks the store every minute, because its durability may differ after a failover."""

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
    `warnings`: one line for each problem that the last check found, with its cure.

    Besides durability it checks that the store can be used, that this version reads its format and, if `secret_key` is
    given, that the store uses this key. A store that was away at the start, or was replaced since, is checked only
    here.
    """

    def __init__(self, client: redis.asyncio.Redis, secret_key: str | None = None) -> None:
        self.warnings: list[str] = []
        self._client, self._secret_key = client, secret_key
        self._stopped = False

    async def run(self) -> None:
        """Check the store as soon as it answers, and then once a minute, until cancelled."""
        while not self._stopped:
            answered = await self.check()
            if not self._stopped:
                await asyncio.sleep(INTERVAL_S if answered else RETRY_S)  # noqa: TID251 -- no job depends on it

    def stop(self) -> None:
        """End `run`. Needed besides a cancellation, because redis-py swallows one that arrives while it connects."""
        self._stopped = True

    async def check(self) -> bool:
        """
        Check once. Return False if the store does not answer.

        Each new problem is logged as `store_misconfigured`, another SECRET_KEY as `secret_key_mismatched`.
        """
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
