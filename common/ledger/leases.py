"""What one worker of all does at a time."""

from __future__ import annotations

import asyncio
import contextlib

from common.ledger.store import Store, texts
from common.store.errors import STORE_ERRORS

LEAVE_S = 1.0


class WorkerLease:
    """
    A STRING, `worker word`, that ends `lease_ms` after its holder renewed it last; see `lua/leases.lua`.

    A worker that dies, or ends while the store is away, loses it by that. `keep`, `word` and `text` raise as
    `Store.run` does.
    """

    def __init__(self, store: Store, key: str, *, lease_ms: int) -> None:
        self._store, self._key, self._lease_ms = store, key, lease_ms

    async def take(self, worker: str) -> bool:
        """Become the holder; False while anybody is, this worker too. Raises redis.RedisError or OSError at once."""
        return bool(await self._store.client.set(self._key, worker, nx=True, px=self._lease_ms))

    async def keep(self, worker: str, word: str) -> bool:
        """Become the holder or stay it, with a word for the others; False while another worker is."""
        return bool(await self._store.run("leases.keep", [self._key], [worker, word, self._lease_ms]))

    async def leave(self, worker: str) -> None:
        """Let others have it at once. One attempt, which waits for no store: the lease ends by itself."""
        with contextlib.suppress(*STORE_ERRORS, TimeoutError):
            async with asyncio.timeout(LEAVE_S):
                await self._store.attempt("leases.leave", [self._key], [worker])

    async def text(self) -> str:
        """`worker word`, "" when nobody has it."""
        client = self._store.client
        return str(texts(await self._store.patiently(lambda: client.get(self._key))) or "")

    async def word(self) -> str:
        """The holder's; "" when nobody has it."""
        return (await self.text()).partition(" ")[2]
