"""Leases for tasks that only one worker may do at a time."""

from __future__ import annotations

import asyncio
import contextlib

from common.ledger.store import Store, texts
from common.store.errors import STORE_ERRORS

LEAVE_S = 1.0


class WorkerLease:
    """
    A STRING, `worker word`, that expires `lease_ms` after its holder last renewed it; see `lua/leases.lua`.

    The lease of a worker that dies, or stops while the store is unavailable, expires. `keep`, `word` and `text` raise
    as `Store.run` does.
    """

    def __init__(self, store: Store, key: str, *, lease_ms: int) -> None:
        self._store, self._key, self._lease_ms = store, key, lease_ms

    async def take(self, worker: str) -> bool:
        """
        Become the holder. Return False while any worker holds the lease, this one included.

        Raises redis.RedisError or OSError without waiting for the store.
        """
        return bool(await self._store.client.set(self._key, worker, nx=True, px=self._lease_ms))

    async def keep(self, worker: str, word: str) -> bool:
        """Become or stay the holder, with a word for other workers. Return False while another worker is the holder."""
        return bool(await self._store.run("leases.keep", [self._key], [worker, word, self._lease_ms]))

    async def leave(self, worker: str) -> None:
        """Give the lease up, so that others can take it at once. Tries only once: without this the lease expires."""
        with contextlib.suppress(*STORE_ERRORS, TimeoutError):
            async with asyncio.timeout(LEAVE_S):
                await self._store.attempt("leases.leave", [self._key], [worker])

    async def text(self) -> str:
        """Return `worker word`, or "" when no worker holds the lease."""
        client = self._store.client
        return str(texts(await self._store.call(lambda: client.get(self._key))) or "")

    async def word(self) -> str:
        """Return the holder's word, or "" when no worker holds the lease."""
        return (await self.text()).partition(" ")[2]
