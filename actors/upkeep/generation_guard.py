"""
Send nothing from a store that was restored, emptied or copied until this is accounted for.

    no witness                          a first start: mail is sent, and the witnesses remember from now on
    the store knows all that they saw   mail is sent, unless another process writes to the witnesses meanwhile
    the store is behind                 `restored`: what may have been sent since is settled first
    the store is empty                  `emptied`: Notion is read first, or a person allows sending
    another process writes to them      `copied`: a second store of the same campaign runs; this one sends nothing

Each of the three names is a hold on all sending. One worker of a store, its keeper, checks the store when the worker
starts and in each heartbeat.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Literal

import structlog

from actors.upkeep.restored_store import settle
from actors.upkeep.store_holds import StoreHolds
from actors.upkeep.witnesses import WAIT_S, Witnesses
from common.background import BackgroundTasks, Sleep, repeat
from common.domain.store_generation import (
    COPIED,
    EMPTIED,
    RESTORED,
    UNSETTLED,
    Generation,
    Lineage,
    Memory,
    descends_from,
    includes,
    lineage_of,
    newest,
)
from common.errors import Failure
from common.ledger import keys
from common.ledger.leases import WorkerLease
from common.ledger.rebuild_state import is_emptied, is_owed
from common.queue.lua_broker import HEARTBEAT_TIMEOUT_MS
from common.store.errors import STORE_ERRORS
from common.world import World

log = structlog.get_logger(__name__)

BEAT_S = 2.0
NOTION_READ_BEATS = 2
NOTION_WRITE_BEATS = 30
SILENCE_S = 20.0
"""A copy that has written nothing for this long has ended."""
FOREIGN_MAX = 3
"""Two running copies overwrite each other's token; after this many heartbeats in a row both stop sending."""
SETTLE_RETRY_S = 30.0

_sleep: Sleep = asyncio.sleep  # noqa: TID251 -- before the first job there is no schedule


class GenerationGuard:
    """
    One worker's part of it. `before_work` returns when jobs may be fetched; `watch` never returns; `stop` ends both.
    """

    def __init__(self, world: World, *, sleep: Sleep = _sleep) -> None:
        self._world, self._sleep = world, sleep
        self._generations = world.ledger.generations
        self._lease = WorkerLease(world.ledger.store, keys.GENERATION_KEEPER, lease_ms=HEARTBEAT_TIMEOUT_MS)
        self._witnesses = Witnesses(world, sleep=lambda seconds: self._sleep(seconds))
        self._holds = StoreHolds(world)
        self._token = ""  # Names the store's server process: all its workers write the same token, and no copy does.
        self._state: Literal["checking", "checked"] = "checking"
        self._is_keeper = False
        self._generation: Generation | None = None  # None while this store is not accounted for.
        self._seen: Memory | None = None
        self._beats = self._foreign = 0
        self._silent_s = 0.0
        self._settling: asyncio.Task[None] | None = None
        self._background = BackgroundTasks()

    async def before_work(self) -> None:
        while not await self._keep_lease():
            if await self._is_checked_by_another():
                return
        self._is_keeper = True
        await self._check([])

    async def watch(self) -> None:
        """Until cancelled, send the store's heartbeats as its keeper, or wait to become its keeper."""
        await repeat("generation_check", self.turn, every_s=BEAT_S, at_once=False, sleep=self._sleep)

    async def turn(self) -> None:
        """One heartbeat."""
        if not await self._keep_lease():
            self._is_keeper, self._state = False, "checking"
            await self._follow()
            return
        self._beats += 1
        if not self._is_keeper:
            self._is_keeper = True
            await self._check([])
        elif self._generation is None:
            await self._reconsider()
        else:
            await self._beat(self._generation)

    async def _follow(self) -> None:
        """Adopt the keeper's heartbeat. A store that was replaced refuses claims until the keeper has checked it."""
        store, seen = await self._generations.current(), self._generations.seen
        if store is not None and (seen is None or descends_from(store, seen)):
            self._generations.seen = store

    def _account_for(self, generation: Generation) -> None:
        self._generation = self._generations.seen = generation

    async def stop(self) -> None:
        self._stop_settling()
        await self._background.stop()
        if self._is_keeper:
            await self._lease.leave(self._world.worker)
        await self._witnesses.close()

    async def _keep_lease(self) -> bool:
        """Become or stay the keeper. The lease's word changes with each heartbeat, so others notice a dead keeper."""
        return await self._lease.keep(self._world.worker, f"{self._state} {self._beats}")

    async def _is_checked_by_another(self) -> bool:
        """Return whether a living keeper has checked this store. Its word must change: it may come from a backup."""
        before = await self._lease.text()
        while before:
            await self._sleep(BEAT_S / 4)
            now = await self._lease.text()
            if now != before and now.split(" ")[1:2] == ["checked"]:
                return True
            if not now:
                return False
        return False

    async def _renew(self) -> None:
        """Renew the lease while a check takes longer than a heartbeat."""
        while True:
            await self._sleep(BEAT_S)
            self._beats += 1
            with contextlib.suppress(*STORE_ERRORS):  # the check itself uses the same store, and reports the error
                await self._keep_lease()

    async def _check(self, more: Sequence[Memory]) -> None:
        self._generation, self._state = None, "checking"
        self._stop_settling()  # It settled the store that was here before.
        async with self._staying_keeper():
            await self._compare(more)
        self._state = "checked"

    @contextlib.asynccontextmanager
    async def _staying_keeper(self) -> AsyncIterator[None]:
        renewing = BackgroundTasks()
        renewing.start([self._renew()])
        try:
            yield
        finally:
            await renewing.stop()

    async def _compare(self, more: Sequence[Memory]) -> None:
        self._token = await self._generations.instance()
        store, people = await self._generations.current(), await self._generations.people()
        memories = [*await self._witnesses.read(search=True), *more]
        await self._lineage(store, memories, people)
        if memories and not self._witnesses.are_ours(self._token) and await self._is_copied(memories):
            return
        if not memories and (store is not None or people):
            await self._sleep(WAIT_S)  # Gateways may be witnesses: they publish every two seconds.
        memories += await self._witnesses.read(notion=False)
        lineage = await self._lineage(store, memories, people)
        await self._holds.finish(COPIED)
        await self._proceed(lineage, store, memories)

    async def _lineage(self, store: Generation | None, memories: Sequence[Memory], people: int) -> Lineage:
        """Return the store's lineage, after beginning the hold that it requires."""
        lineage = lineage_of(store, memories, people=people)
        if lineage is Lineage.EMPTIED and self._world.settings.testing_mode:
            return Lineage.FIRST  # A test run does not rebuild automatically.
        if lineage is Lineage.EMPTIED:
            # Mark that Notion must be read, even if people sign up meanwhile.
            await is_emptied(self._world.ledger, now_ms=self._now_ms())
            await self._holds.emptied(memories)
        elif lineage is Lineage.RESTORED:
            await self._holds.restored(store, memories)
        return lineage

    async def _proceed(self, lineage: Lineage, store: Generation | None, memories: Sequence[Memory]) -> None:
        self._seen = newest(memories)
        if lineage is Lineage.SAME and store is not None:
            self._account_for(store)
            await self._holds.finish(RESTORED, EMPTIED, UNSETTLED)
            await self._remember(store)
        elif lineage is Lineage.FIRST:
            await self._begin(store, memories)
        elif lineage is Lineage.RESTORED:
            self._settling = asyncio.create_task(self._settle(store, memories))

    async def _is_copied(self, memories: Sequence[Memory]) -> bool:
        """Return whether another running copy of the store writes to the witnesses; if so, hold all sending."""
        is_copied = await self._witnesses.are_contested(self._token, memories)
        self._silent_s = 0.0
        if is_copied:
            log.error("store_copied", copies=len(self._witnesses.foreign_tokens(self._token)))
            await self._holds.copied()
        return is_copied

    async def _settle(self, store: Generation | None, memories: Sequence[Memory]) -> None:
        while True:
            try:
                return await self._settle_once(store, memories)
            except Failure as failure:
                log.warning("settlement_deferred", kind=failure.kind, code=failure.code)
            except STORE_ERRORS as error:
                log.warning("settlement_deferred", kind="store", code=type(error).__name__)
            except Exception:
                # A bug: logged, and tried again. Without this task the hold would never end.
                log.exception("settlement_failed")
            await self._sleep(SETTLE_RETRY_S)

    async def _settle_once(self, store: Generation | None, memories: Sequence[Memory]) -> None:
        settled = await settle(self._world, store_ms=store.at_ms if store else 0)
        done = settled.settlement
        await self._generations.note_settlement(done)
        log.warning("restored_store_settled", found=done.found, outcomes_unknown=done.unknown, restored=done.restored)
        if settled.needs_operator:
            await self._holds.unsettled()
            await self._holds.finish(RESTORED)
        else:
            await self._begin_alone(store, memories)

    def _stop_settling(self) -> None:
        if self._settling is not None:
            self._settling.cancel()

    async def _begin_alone(self, store: Generation | None, memories: Sequence[Memory]) -> None:
        """Begin, unless another copy has begun since the check, which may have been long ago."""
        now = await self._witnesses.read(search=True)
        if not now or not await self._is_copied(now):
            await self._begin(store, memories)

    async def _begin(self, store: Generation | None, memories: Sequence[Memory]) -> None:
        """Begin a new generation, which accounts for all generations before it."""
        before = {memory.generation for memory in memories} | ({store.id} if store else set())
        marks = [memory.mark for memory in memories] + ([store.mark] if store else [])
        generation = Generation(
            id=secrets.token_hex(16),
            mark=max(marks, default=0) + 1,
            at_ms=self._world.clock.now_ms(),
            ancestors=frozenset(before) | (store.ancestors if store else frozenset()),
        )
        await self._generations.begin(generation)
        self._account_for(generation)
        await self._holds.finish(RESTORED, EMPTIED, UNSETTLED)
        await self._remember(generation, notion=bool(memories))
        if not memories:
            # Notion must not delay a first start.
            self._background.start([self._remember(generation)])

    async def _beat(self, generation: Generation) -> None:
        if not await self._generations.beat(generation, now_ms=self._world.clock.now_ms()):
            log.error("store_replaced")
            await self._check([self._seen] if self._seen else [])
            return
        now = replace(generation, mark=generation.mark + 1, at_ms=self._world.clock.now_ms())
        self._account_for(now)
        reads_notion = self._beats % NOTION_READ_BEATS == 0
        memories = await self._witnesses.read(notion=reads_notion)
        if not all(includes(now, memory) for memory in memories):
            await self._check([])
            return
        self._token = await self._generations.instance()
        foreign = bool(self._witnesses.foreign_tokens(self._token))
        self._foreign = self._foreign + 1 if foreign else 0
        if self._foreign >= FOREIGN_MAX:
            self._generation, self._silent_s = None, 0.0
            await self._holds.copied()
            return
        await self._remember(now, notion=foreign or self._beats % NOTION_WRITE_BEATS == 0)

    async def _reconsider(self) -> None:
        """Begin a new generation if the holds have ended, on their own or by an operator."""
        holds = await self._holds.active()
        if COPIED in holds:
            await self._look_for_silence()
        elif not {RESTORED, EMPTIED, UNSETTLED} & holds or (EMPTIED in holds and await self._is_rebuilt()):
            async with self._staying_keeper():
                await self._begin_alone(await self._generations.current(), await self._witnesses.read())

    async def _look_for_silence(self) -> None:
        before = (self._witnesses.file, self._witnesses.row)
        await self._witnesses.read(notion=self._beats % NOTION_READ_BEATS == 0)
        is_silent = before == (self._witnesses.file, self._witnesses.row)
        self._silent_s = self._silent_s + BEAT_S if is_silent else 0.0
        if self._silent_s >= SILENCE_S:
            await self._check([])

    async def _is_rebuilt(self) -> bool:
        return self._rebuilds and not await is_owed(self._world.ledger, now_ms=self._now_ms())

    @property
    def _rebuilds(self) -> bool:
        return self._world.settings.notion_email_sequence_db_id is not None

    def _now_ms(self) -> int:
        return self._world.clock.now_ms()

    async def _remember(self, generation: Generation, *, notion: bool = True) -> None:
        memory = Memory(
            generation=generation.id,
            mark=generation.mark,
            at_ms=generation.at_ms,
            people=await self._generations.people(),
            token=self._token,
        )
        self._seen = memory
        await self._witnesses.write(memory, notion=notion)
