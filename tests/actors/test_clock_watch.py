"""A worker whose clocks disagree sends nothing, says why, and resumes on its own when they agree again."""

from __future__ import annotations

import redis.asyncio

from actors.upkeep.clock_watch import ClockWatch
from common.clock import DateWitness, SystemClock
from common.domain.cadence import Cadence
from common.ledger import keys
from common.ledger.ledger import Ledger
from common.observability import metrics
from common.store.clock_sync import confirm_clock

HOUR_MS = 3_600_000
NOBODY = "http://127.0.0.1:9"
"""An unreachable provider URL, so that only the clocks can be compared."""


class SetClock(SystemClock):
    """
    A clock that tests can set.

    `machine_ahead_ms`: how far the machine's clock is set ahead; `passed_ms`: how much more time has passed for this
    process than for all others.
    """

    def __init__(self) -> None:
        self.machine_ahead_ms = self.passed_ms = 0
        super().__init__()

    def now_ms(self) -> int:
        return super().now_ms() + self.passed_ms

    def steady_ms(self) -> int:
        return super().steady_ms() + self.passed_ms

    def wall_ms(self) -> int:
        return super().wall_ms() + self.machine_ahead_ms


class Watched:
    """One worker on a store, with its clock watch."""

    def __init__(self, store: redis.asyncio.Redis, name: str = "w1") -> None:
        self.clock = SetClock()
        self.ledger = Ledger(store, campaign="c", cadence=Cadence((0,), HOUR_MS), secret_key="s" * 32)
        self.is_stopped: list[bool] = []
        self.watch = ClockWatch(
            self.ledger,
            self.clock,
            worker=name,
            witness=DateWitness(self.clock.steady_ms),
            url=NOBODY,
            stop_sending=self.is_stopped.append,
        )

    async def holds(self) -> dict[str, str]:
        await self.watch.check()
        return {reason: hold.why for reason, hold in (await self.ledger.holds.active()).items()}


async def test_while_the_stores_clock_is_wrong_all_sending_is_held(store: redis.asyncio.Redis) -> None:
    worker = Watched(store)
    assert await worker.holds() == {}

    # This process cannot tell the two apart: the store's clock went 25 hours ahead, or all other clocks stood still.
    worker.clock.passed_ms = worker.clock.machine_ahead_ms = -25 * HOUR_MS
    assert await worker.holds() == {"clock": "the data store's clock is 25 h ahead"}
    assert await worker.holds() == {"clock": "the data store's clock is 25 h ahead"}

    worker.clock.passed_ms = worker.clock.machine_ahead_ms = 0
    assert await worker.holds() == {}
    assert worker.clock.offset_ms == 0


async def test_worker_on_a_machine_with_a_changed_clock_leaves_the_mail_to_other_workers(
    store: redis.asyncio.Redis,
) -> None:
    worker = Watched(store)
    await worker.holds()

    worker.clock.machine_ahead_ms = -25 * HOUR_MS
    assert await worker.holds() == {"clock/w1": "the clock of its machine was set and is 25 h behind"}
    worker.clock.machine_ahead_ms = 0
    assert await worker.holds() == {}

    assert worker.is_stopped == [False, True, False]


async def test_confirming_the_clock_ends_the_hold(store: redis.asyncio.Redis) -> None:
    worker = Watched(store)
    await worker.holds()
    worker.clock.passed_ms = worker.clock.machine_ahead_ms = -25 * HOUR_MS
    assert await worker.holds()

    await confirm_clock(store)

    assert await worker.holds() == {}
    assert abs(worker.clock.offset_ms - 25 * HOUR_MS) < 5_000


async def test_worker_that_starts_later_knows_that_the_store_clock_is_wrong(store: redis.asyncio.Redis) -> None:
    first, second = Watched(store), Watched(store, "w2")
    await first.holds()
    for worker in (first, second):
        worker.clock.passed_ms = worker.clock.machine_ahead_ms = -25 * HOUR_MS
    await first.holds()

    assert await second.holds() == {"clock": "the data store's clock is 25 h ahead"}


async def test_ignored_waits_are_counted_once(store: redis.asyncio.Redis) -> None:
    worker = Watched(store)
    await store.hset(keys.IGNORED, "circuit", 2)
    counter = metrics.WAITS_IGNORED.labels("circuit")._value
    before = counter.get()

    for _ in range(2):
        await worker.watch.check()
        assert counter.get() == before + 2

    assert not await store.exists(keys.IGNORED)
