"""Which providers the workers use. Other processes need this, because they do not have the providers' keys."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from common.ledger import keys
from common.ledger.store import Store

REPORT_EVERY_S: Final = 60
IN_USE_MS: Final = 5 * REPORT_EVERY_S * 1_000
"""A provider counts as in use for this long after a worker last reported it."""


class ProvidersInUse:
    """The workers' reports of their providers. Raises as `Store.run` does."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def report(self, providers: Collection[str], *, now_ms: int) -> None:
        given: dict[Any, Any] = dict.fromkeys(providers, now_ms)
        await self._store.call(lambda: self._store.client.hset(keys.PROVIDERS, mapping=given))

    async def read(self, *, now_ms: int) -> frozenset[str]:
        found = await self._store.read_hash(keys.PROVIDERS)
        return frozenset(provider for provider, said_ms in found.items() if now_ms - int(said_ms) < IN_USE_MS)
