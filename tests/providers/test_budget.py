"""Requests of all callers together never exceed the budget, whatever their order. Waiting is in virtual time."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Sequence

import pytest
import redis.asyncio

from common.clock import VirtualClock
from common.errors import Throttled
from common.providers.budget import StoreBudget, Unlimited

MINUTE_MS = 60_000


class Worker:
    """A process with its own budget object over the shared store; it records when each request would be sent."""

    def __init__(self, store: redis.asyncio.Redis, clock: VirtualClock, *, capacity: int, window_ms: int) -> None:
        self.clock = clock
        self.waited_s = 0.0
        self.left: list[int] = []
        self.budget = StoreBudget(
            store, "notion", capacity=capacity, window_ms=window_ms, clock=clock, sleep=self._sleep
        )

    async def _sleep(self, seconds: float) -> None:
        self.waited_s = seconds

    async def take(self) -> int:
        self.waited_s = 0.0
        await self.budget.take()
        self.left.append(self.clock.now_ms() + round(self.waited_s * 1_000))
        return self.left[-1]


Hire = Callable[..., Worker]


@pytest.fixture
def hire(store: redis.asyncio.Redis, clock: VirtualClock) -> Hire:
    return lambda *, capacity, window_ms: Worker(store, clock, capacity=capacity, window_ms=window_ms)


def most_in_any(window_ms: int, instants: Sequence[int]) -> int:
    return max(sum(start <= other < start + window_ms for other in instants) for start in instants)


async def refused(asking: Awaitable[object]) -> Throttled:
    with pytest.raises(Throttled) as raised:
        await asking
    return raised.value


async def test_two_requests_a_second_are_half_a_second_apart_across_all_workers(
    hire: Hire, clock: VirtualClock
) -> None:
    one, two = (hire(capacity=1, window_ms=500) for _ in range(2))

    start = clock.now_ms()
    instants = [await worker.take() - start for worker in (one, two, two, one)]

    assert instants == [0, 500, 1_000, 1_500]


async def test_simultaneous_requests_get_different_slots(hire: Hire, clock: VirtualClock) -> None:
    workers = [hire(capacity=1, window_ms=500) for _ in range(8)]

    instants = await asyncio.gather(*(worker.take() for worker in workers))

    assert [clock.now_ms() + 500 * n for n in range(8)] == sorted(instants)


async def test_budget_of_a_minute_may_be_spent_at_once_but_only_once_a_minute(hire: Hire, clock: VirtualClock) -> None:
    worker = hire(capacity=180, window_ms=MINUTE_MS)
    start = clock.now_ms()

    assert {start} == {await worker.take() for _ in range(180)}
    clock.advance(MINUTE_MS - 5_000)
    assert start + MINUTE_MS == await worker.take()


async def test_request_that_would_wait_over_five_seconds_is_refused_and_reserves_nothing(
    hire: Hire, clock: VirtualClock
) -> None:
    worker = hire(capacity=2, window_ms=MINUTE_MS)
    start = clock.now_ms()
    for _ in range(2):
        await worker.take()

    failure = await refused(worker.take())
    assert (failure.code, failure.retry_after_ms) == ("budget", MINUTE_MS)

    clock.advance(MINUTE_MS)
    assert [start + MINUTE_MS] * 2 == [await worker.take() for _ in range(2)]


async def test_requests_beyond_the_budget_get_successive_retry_times(hire: Hire) -> None:
    worker = hire(capacity=1, window_ms=500)
    for _ in range(11):
        await worker.take()

    waits = [(await refused(worker.take())).retry_after_ms for _ in range(4)]

    assert waits == [5_500, 6_000, 6_500, 7_000]


async def test_refused_request_never_waits_for_more_than_five_minutes(hire: Hire) -> None:
    worker = hire(capacity=1, window_ms=60_000)
    await worker.take()

    waits = [(await refused(worker.take())).retry_after_ms for _ in range(8)]

    assert waits == [60_000, 120_000, 180_000, 240_000, 300_000, 300_000, 300_000, 300_000]


async def test_wait_demanded_by_a_provider_applies_to_all_workers(hire: Hire, clock: VirtualClock) -> None:
    one, two = (hire(capacity=180, window_ms=MINUTE_MS) for _ in range(2))
    start = clock.now_ms()

    await one.budget.push(30_000)
    await two.budget.push(1_000)  # A shorter wait does not end a longer one.
    assert (await refused(two.take())).retry_after_ms == 30_000

    clock.advance(26_000)
    assert start + 30_000 == await two.take()


async def test_workers_whose_clocks_differ_a_little_still_share_one_budget(hire: Hire, clock: VirtualClock) -> None:
    ahead, behind = (hire(capacity=2, window_ms=10_000) for _ in range(2))
    ahead.clock = ahead.budget._clock = VirtualClock(clock.now_ms() + 3_000)

    instants = [await ahead.take(), await behind.take()]
    clock.advance(10_000)
    instants += [await behind.take(), await behind.take()]

    assert most_in_any(10_000, instants) == 2


async def test_clock_set_back_does_not_block_requests(hire: Hire, clock: VirtualClock) -> None:
    worker = hire(capacity=1, window_ms=500)
    await worker.take()
    await worker.budget.push(5_000)
    await worker.take()

    worker.clock = worker.budget._clock = VirtualClock(clock.now_ms() - 2 * 3_600_000)
    assert worker.clock.now_ms() == await worker.take()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("capacity", "window_ms"), [(1, 500), (1, 100), (5, 1_000), (20, MINUTE_MS)])
async def test_no_window_ever_holds_more_than_the_budget(
    hire: Hire, clock: VirtualClock, capacity: int, window_ms: int, seed: int
) -> None:
    dice = random.Random(seed)
    workers = [hire(capacity=capacity, window_ms=window_ms) for _ in range(3)]

    for _ in range(120):
        clock.advance(dice.choice([0, 0, 1, window_ms // capacity // 2, window_ms // capacity, window_ms]))
        worker = dice.choice(workers)
        with contextlib.suppress(Throttled):
            await worker.take()

    instants = [utc_datetime for worker in workers for utc_datetime in worker.left]
    assert len(instants) > 20
    assert most_in_any(window_ms, instants) <= capacity


@pytest.mark.parametrize(("rate", "window_ms"), [(2, 500), (0.5, 2_000), (10, 100), (3, 333), (5_000, 1)])
def test_rate_per_second_becomes_a_minimum_spacing(
    store: redis.asyncio.Redis, clock: VirtualClock, rate: float, window_ms: int
) -> None:
    budget = StoreBudget.per_second(store, "resend", rate, clock=clock)

    assert (1, window_ms) == (budget.capacity, budget.window_ms)


@pytest.mark.parametrize("rate", [0, -1])
def test_budget_of_zero_or_less_is_refused_with_the_name_of_its_provider(
    store: redis.asyncio.Redis, clock: VirtualClock, rate: int
) -> None:
    with pytest.raises(ValueError, match="resend"):
        StoreBudget.per_second(store, "resend", rate, clock=clock)
    with pytest.raises(ValueError, match="notion"):
        StoreBudget.per_minute(store, "notion", rate, clock=clock)


async def test_two_providers_do_not_share_a_budget(store: redis.asyncio.Redis, clock: VirtualClock) -> None:
    for provider in ("resend", "notion"):
        budget = StoreBudget(store, provider, capacity=1, window_ms=MINUTE_MS, clock=clock)
        await budget.take()


async def test_keys_of_a_budget_expire(store: redis.asyncio.Redis, hire: Hire) -> None:
    worker = hire(capacity=2, window_ms=MINUTE_MS)
    await worker.take()
    await worker.budget.push(1_000)

    assert all([await store.pttl(key) > 0 for key in await store.keys("*")])


async def test_unlimited_budget_never_refuses() -> None:
    budget = Unlimited()
    await budget.push(10_000)
    for _ in range(1_000):
        await budget.take()


async def test_waits_demanded_by_a_provider_are_counted_for_a_day(
    hire: Hire, store: redis.asyncio.Redis, clock: VirtualClock
) -> None:
    worker = hire(capacity=1, window_ms=500)

    await worker.budget.push(60_000)
    clock.advance(1_000)
    await worker.budget.push(1_000)  # Shorter than the wait in force.

    key = "{advent}:budget:notion:after"
    assert await store.hmget(key, "asked", "hold") == [b"2", str(clock.now_ms() - 1_000 + 60_000).encode()]
    assert 86_000_000 < await store.pttl(key) <= 86_400_000
