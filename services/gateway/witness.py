"""What this gateway's DATA_DIR remembers of the store, published to workers that have no DATA_DIR of their own."""

from __future__ import annotations

import asyncio
import contextlib
import socket

from common.domain.store_generation import Generation, Memory, knows
from common.ledger.ledger import Ledger
from common.observability.logs import get_logger
from common.settings.settings import Settings
from common.store.errors import STORE_ERRORS
from common.store.witness_file import WitnessFile

log = get_logger(__name__)

INTERVAL_S = 2
OWNED_MS = 30_000
"""A file that is so much older than the store's heartbeat is written by no worker, so this gateway writes it."""


class GatewayWitness:
    """A memory that the store does not know is published and kept: only a worker that settled it may replace it."""

    def __init__(self, settings: Settings, ledger: Ledger) -> None:
        self._file, self._generations = WitnessFile(settings.data_dir), ledger.generations
        self._name = f"gateway:{socket.gethostname()}:{settings.data_dir.resolve()}"
        self._published: Memory | None = None

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            with contextlib.suppress(*STORE_ERRORS):  # the spool says that the store is away
                await self.turn()
            await asyncio.sleep(INTERVAL_S)  # noqa: TID251 -- no job depends on it

    async def turn(self) -> None:
        """Publish what the file remembers, and remember what the store says now."""
        memory, store = self._file.read(), await self._generations.current()
        if memory is not None and not knows(store, memory):
            await self._publish(memory, store)
            return
        if store is None:
            return
        if memory is None or memory.at_ms + OWNED_MS < store.at_ms:
            people = await self._generations.people()
            self._file.write(Memory(generation=store.id, mark=store.mark, at_ms=store.at_ms, people=people, token=""))

    async def _publish(self, memory: Memory, store: Generation | None) -> None:
        """Again each time: the store may be replaced once more, and then has nothing of it."""
        await self._generations.publish(self._name, memory)
        if memory != self._published:
            log.warning("store_behind_witness", store_mark=store.mark if store else 0, witness_mark=memory.mark)
        self._published = memory
