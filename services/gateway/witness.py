"""Publishes what this gateway's DATA_DIR remembers of the store, for workers that have no DATA_DIR of their own."""

from __future__ import annotations

import asyncio
import contextlib
import socket

from common.domain.store_generation import Generation, Memory, includes
from common.ledger.ledger import Ledger
from common.observability.logs import get_logger
from common.settings.settings import Settings
from common.store.errors import STORE_ERRORS
from common.store.witness_file import WitnessFile

log = get_logger(__name__)

INTERVAL_S = 2
OWNED_MS = 30_000
"""If the file is this much older than the store's heartbeat, no worker writes it, so this gateway does."""


class GatewayWitness:
    """Updates the witness file. If the store is behind it, the file waits until a worker has settled the restore."""

    def __init__(self, settings: Settings, ledger: Ledger) -> None:
        self._file, self._generations = WitnessFile(settings.data_dir), ledger.generations
        self._name = f"gateway:{socket.gethostname()}:{settings.data_dir.resolve()}"
        self._published: Memory | None = None

    async def run(self) -> None:
        """Repeat `turn` until cancelled."""
        while True:
            with contextlib.suppress(*STORE_ERRORS):  # the spool reports that the store is away
                await self.turn()
            await asyncio.sleep(INTERVAL_S)  # noqa: TID251 -- no job depends on it

    async def turn(self) -> None:
        """Publish the file's memory if the store is behind it; else update the file, unless a worker does."""
        memory, store = self._file.read(), await self._generations.current()
        if memory is not None and not includes(store, memory):
            await self._publish(memory, store)
            return
        if store is None:
            return
        if memory is None or memory.at_ms + OWNED_MS < store.at_ms:
            people = await self._generations.people()
            self._file.write(Memory(generation=store.id, mark=store.mark, at_ms=store.at_ms, people=people, token=""))

    async def _publish(self, memory: Memory, store: Generation | None) -> None:
        """Publish on every turn, because the store may be replaced again and then lacks what was published."""
        await self._generations.publish(self._name, memory)
        if memory != self._published:
            log.warning("store_behind_witness", store_mark=store.mark if store else 0, witness_mark=memory.mark)
        self._published = memory
