"""
An empty store at the first start: Notion is read before any job is taken, if it answers; else as soon as it does.

Likewise one that is emptied later, under the workers: otherwise nobody in it would ever be written to again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from actors.background import BackgroundTasks
from actors.upkeep.rebuild import rebuild, rows_of
from common.errors import Failure
from common.ledger.rebuild_state import Word, is_emptied, is_owed, leave, settled, take, word_of_another
from common.world import World

log = structlog.get_logger(__name__)

ANSWER_S = 2.0
"""Notion answers within this, or the doors open without it."""
HOLD_EVERY_S = 3.0
LOOK_EVERY_S = 0.2
LOOK_AGAIN_S = 3.0
AGAIN_S = (5.0, 30.0, 60.0, 300.0)

Sleep = Callable[[float], Awaitable[None]]

_sleep: Sleep = asyncio.sleep  # noqa: TID251 -- before the first job there is no schedule to stand in


class FirstStart:
    """
    One worker's part in it. Never in TESTING_MODE: a rehearsal must not touch live rows that it did not make.

    `before_work` returns when jobs may be taken; `keep_looking` goes on for ever; `stop` ends what both began.
    """

    def __init__(self, world: World, *, sleep: Sleep = _sleep) -> None:
        self._world, self._sleep = world, sleep
        self._word: Word = "reading"
        self._is_ours = False
        self._background = BackgroundTasks()

    async def before_work(self) -> None:
        """
        1. A store that has its people, or had Notion read already, needs nothing.
        2. One worker reads; the others wait for it, until it is done or has opened the doors.
        3. If Notion does not answer, or not to the end, the doors open, and it is asked again until it does.
        """
        if not self._concerns_us:
            return
        ledger = self._world.ledger
        while await is_owed(ledger, now_ms=self._world.clock.now_ms()):
            if await take(ledger, self._world.worker, self._word):
                await self._begin()
                return
            if await word_of_another(ledger) == "later":
                return
            await self._sleep(LOOK_EVERY_S)

    async def keep_looking(self) -> None:
        """Until cancelled: has the store been emptied since, or did whoever was to read Notion end before it had?"""
        world = self._world
        while self._concerns_us:
            await self._sleep(LOOK_AGAIN_S)
            if await is_emptied(world.ledger, now_ms=world.clock.now_ms()):
                log.error("store_emptied")
            if not self._is_ours and await is_owed(world.ledger, now_ms=world.clock.now_ms()):
                self._word = "reading"
                if await take(world.ledger, world.worker, self._word):
                    await self._begin()

    @property
    def _concerns_us(self) -> bool:
        settings = self._world.settings
        return not settings.testing_mode and settings.notion_email_sequence_db_id is not None

    async def stop(self) -> None:
        await self._background.end()
        if self._is_ours:
            await leave(self._world.ledger, self._world.worker)

    async def _begin(self) -> None:
        self._is_ours = True
        self._background.begin([self._hold()])
        if not await self._read(answer_s=ANSWER_S):
            self._word = "later"
            await take(self._world.ledger, self._world.worker, self._word)
            log.warning("rebuild_put_off", reason="Notion does not answer; the doors open without it")
            self._background.begin([self._read_later()])

    async def _hold(self) -> None:
        while self._is_ours:
            await take(self._world.ledger, self._world.worker, self._word)
            await self._sleep(HOLD_EVERY_S)

    async def _read_later(self) -> None:
        missed = 0
        while await is_owed(self._world.ledger, now_ms=self._world.clock.now_ms()):
            await self._sleep(AGAIN_S[min(missed, len(AGAIN_S) - 1)])
            missed += 1
            if await self._read(answer_s=10):
                return
        self._is_ours = False  # By hand, meanwhile.

    async def _read(self, *, answer_s: float) -> bool:
        """Whether Notion answered, and was read to its end."""
        world = self._world
        rows = rows_of(world)
        try:
            await asyncio.wait_for(rows.open(), answer_s)
            summary = await rebuild(world, rows)
        except (Failure, TimeoutError) as failure:
            log.warning("rebuild_failed", kind=type(failure).__name__, code=getattr(failure, "code", "no_answer"))
            return False
        finally:
            await rows.close()
        log.info("rebuilt", rows=summary.rows, restored=summary.restored, merged=summary.merged, known=summary.known)
        for note in summary.notes:
            log.warning("rebuild_finished_with_unknowns", in_doubt=summary.in_doubt, note=note)
        for row in summary.unreadable:
            log.error("row_unreadable", page_id=row.page_id, cure="`advent rebuild` says what is wrong with it")
        await settled(world.ledger, now_ms=world.clock.now_ms())
        self._is_ours = False
        await leave(world.ledger, world.worker)
        return True
