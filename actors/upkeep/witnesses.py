"""The witnesses of the store's generation that a worker can read: its DATA_DIR, Notion, and what gateways published."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import structlog

from common.background import Sleep
from common.domain.store_generation import Memory, newest
from common.errors import Failure
from common.providers.notion.witness import NotionWitness
from common.store.witness_file import WitnessFile
from common.world import World

log = structlog.get_logger(__name__)

ANSWER_S = 2.0
"""How long to wait for a witness to answer."""
WAIT_S = 3.0
"""Longer than a heartbeat: within this time, another running copy replaces a foreign token by its own."""
WAIT_NOTION_S = 7.0
NOTION_TRIES = 5
"""How many times to try to read a token back from Notion; after that it counts as away, as at any start."""


class Witnesses:
    """These witnesses. `file`, `row`: what was last read from DATA_DIR and Notion; None: nothing, or no answer."""

    def __init__(self, world: World, *, sleep: Sleep) -> None:
        self._world, self._sleep = world, sleep
        self._file = WitnessFile(world.settings.data_dir)
        self._notion: NotionWitness | None = None
        if world.settings.notion_token and world.settings.notion_email_sequence_db_id:
            self._notion = NotionWitness(
                world.settings, world.ledger.client, clock=world.clock, budget=world.mirror_budget
            )
        self.file: Memory | None = None
        self.row: Memory | None = None
        self.notion_answers = False

    async def read(self, *, notion: bool = True, search: bool = False) -> list[Memory]:
        """Return everything that the witnesses remember. `search`: search for Notion's row again."""
        self.file = self._file.read()
        if notion:
            await self._read_notion(search=search)
        published = await self._world.ledger.generations.published()
        return [memory for memory in (self.file, self.row, *published) if memory is not None]

    async def write(self, memory: Memory, *, notion: bool = True) -> None:
        """Make the witnesses remember this."""
        self._file.write(memory)
        if notion:
            await self._write_notion(memory)

    def foreign_tokens(self, token: str) -> set[str]:
        """Return the tokens of others that were written last, as far as they were read. A gateway writes none."""
        return self._tokens() - {token}

    def are_ours(self, token: str) -> bool:
        """Return whether only this token was written last, so that no other copy of the store has started since."""
        return self._tokens() == {token}

    async def are_contested(self, token: str, memories: Sequence[Memory]) -> bool:
        """
        Return whether another running copy of the store writes to the witnesses.

        Leave a token with each, wait longer than a heartbeat, and check whether it is still there. If several copies
        start at the same time, the last one finds its own token.
        """
        latest = newest(memories)
        assert latest is not None
        self._file.write(replace(self.file or latest, token=token))
        if self.notion_answers:
            await self._write_notion(replace(self.row or latest, token=token))
        await self._read_again()
        return bool(self.foreign_tokens(token))

    def _tokens(self) -> set[str]:
        return {memory.token for memory in (self.file, self.row) if memory is not None} - {""}

    async def _read_again(self) -> None:
        """Wait and read the witnesses again, Notion too if it has the token, unless it is away for long."""
        if not self.notion_answers:
            await self._sleep(WAIT_S)
            await self.read(notion=False)
            return
        for _ in range(NOTION_TRIES):
            await self._sleep(WAIT_NOTION_S)
            await self.read(search=True)
            if self.notion_answers:
                return

    async def close(self) -> None:
        if self._notion is not None:
            await self._notion.close()

    async def _read_notion(self, *, search: bool) -> None:
        if self._notion is None:
            return
        try:
            self.row = await asyncio.wait_for(self._notion.read(search=search), ANSWER_S)
        except (Failure, TimeoutError) as failure:
            self.row, self.notion_answers = None, False
            log.info("witness_unavailable", witness="notion", reason=getattr(failure, "code", "no_answer"))
        else:
            self.notion_answers = True

    async def _write_notion(self, memory: Memory) -> None:
        if self._notion is None:
            return
        try:
            await asyncio.wait_for(self._notion.write(memory), ANSWER_S * 2)
        except (Failure, TimeoutError) as failure:
            log.info("witness_not_written", witness="notion", reason=getattr(failure, "code", "no_answer"))
        else:
            self.row = memory
