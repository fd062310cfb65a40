"""
Fill an empty store from Notion: before a starting worker fetches jobs, if Notion answers, otherwise as soon as it does.

A store that is emptied while workers run is filled too: otherwise none of its contacts would get another mail.
"""

from __future__ import annotations

import asyncio

import structlog

from actors.upkeep.rebuild import rebuild, rows_of
from common.background import BackgroundTasks, Sleep, repeat
from common.campaigns.campaign import Campaign
from common.errors import Failure
from common.ledger.rebuild_state import Word, is_emptied, is_owed, rebuild_lease, record_rebuild_done
from common.world import World

log = structlog.get_logger(__name__)

ANSWER_S = 2.0
"""If Notion does not answer within this time, jobs are fetched without it."""
RENEW_S = 3.0
POLL_S = 0.2
WATCH_S = 3.0
RETRY_S = (5.0, 30.0, 60.0, 300.0)

_sleep: Sleep = asyncio.sleep  # noqa: TID251 -- before the first job there is no schedule


class Bootstrap:
    """
    One worker's part of it. TESTING_MODE turns it off: a test run must not touch live rows that it did not create.

    `before_work` returns when jobs may be fetched; `watch_store` never returns; `stop` ends what both started.
    """

    def __init__(self, world: World, *, sleep: Sleep = _sleep) -> None:
        self._world, self._sleep = world, sleep
        self._lease = rebuild_lease(world.ledger)
        self._word: Word = "reading"
        self._renewing = asyncio.Lock()
        self._is_ours = False
        self._background = BackgroundTasks()

    async def before_work(self) -> None:
        """
        Return when jobs may be fetched.

        1. A store that has enrollments, or for which Notion was read already, needs nothing.
        2. One worker reads Notion; the others wait until it has finished or has postponed it.
        3. If Notion cannot be read to its end, jobs are fetched anyway, and Notion is tried again until it can.
        """
        if not self._is_enabled:
            return
        ledger = self._world.ledger
        while await is_owed(ledger, now_ms=self._world.clock.now_ms()):
            if await self._keep_lease():
                await self._start_reading()
                return
            if await self._lease.word() == "later":
                return
            await self._sleep(POLL_S)

    async def watch_store(self) -> None:
        """Until cancelled, read Notion if the store was emptied, or if the worker that had to read it has ended."""
        if self._is_enabled:
            await repeat("rebuild_watch", self._look, every_s=WATCH_S, at_once=False, sleep=self._sleep)

    async def _look(self) -> None:
        ledger, now_ms = self._world.ledger, self._world.clock.now_ms()
        if await is_emptied(ledger, now_ms=now_ms):
            log.error("store_emptied")
        if not self._is_ours and await is_owed(ledger, now_ms=now_ms):
            self._word = "reading"
            if await self._keep_lease():
                await self._start_reading()

    @property
    def _is_enabled(self) -> bool:
        settings = self._world.settings
        return not settings.testing_mode and settings.notion_email_sequence_db_id is not None

    async def stop(self) -> None:
        await self._background.stop()
        if self._is_ours:
            await self._lease.leave(self._world.worker)

    async def _keep_lease(self) -> bool:
        return await self._lease.keep(self._world.worker, self._word)

    async def _start_reading(self) -> None:
        if not await is_owed(self._world.ledger, now_ms=self._world.clock.now_ms()):
            await self._lease.leave(self._world.worker)  # Another worker finished just before this one took the lease.
            return
        self._is_ours = True
        self._background.start([self._renew_turn()])
        if not await self._read(answer_s=ANSWER_S):
            self._word = "later"
            await self._keep_lease()
            log.warning("rebuild_deferred", reason="Notion does not answer; jobs are fetched without it")
            self._background.start([self._read_later()])

    async def _renew_turn(self) -> None:
        while self._is_ours:
            async with self._renewing:
                if self._is_ours:
                    await self._keep_lease()
            await self._sleep(RENEW_S)

    async def _read_later(self) -> None:
        missed = 0
        while await is_owed(self._world.ledger, now_ms=self._world.clock.now_ms()):
            await self._sleep(RETRY_S[min(missed, len(RETRY_S) - 1)])
            missed += 1
            if await self._read(answer_s=10):
                return
        self._is_ours = False  # A person ran `advent rebuild` meanwhile.

    async def _read(self, *, answer_s: float) -> bool:
        """Read Notion. Return whether it answered and was read to its end."""
        for campaign in self._world.campaigns.values():
            if not await self._read_campaign(campaign, answer_s):
                return False
        await record_rebuild_done(self._world.ledger, now_ms=self._world.clock.now_ms())
        self._is_ours = False
        async with self._renewing:  # A renewal that is under way would take the lease again.
            await self._lease.leave(self._world.worker)
        return True

    async def _read_campaign(self, campaign: Campaign, answer_s: float) -> bool:
        world = self._world
        rows = rows_of(world, campaign)
        try:
            await asyncio.wait_for(rows.open(), answer_s)
            summary = await rebuild(world, rows, campaign=campaign)
        except (Failure, TimeoutError) as failure:
            log.warning("rebuild_failed", kind=type(failure).__name__, code=getattr(failure, "code", "no_answer"))
            return False
        finally:
            await rows.close()
        log.info(
            "rebuilt",
            campaign=campaign.key,
            rows=summary.rows,
            restored=summary.restored,
            merged=summary.merged,
            known=summary.known,
        )
        for note in summary.notes:
            log.warning("rebuild_finished_with_unknowns", outcomes_unknown=summary.outcomes_unknown, note=note)
        if summary.unknown_exits:
            log.error("exit_reasons_unknown", people=len(summary.unknown_exits), cure="`advent rebuild` lists them")
        for row in summary.unreadable:
            log.error("row_unreadable", page_id=row.page_id, cure="`advent rebuild` says what is wrong with it")
        return True
