"""Only one caller at a time may create a page; after a lost answer, only once no page can appear any more."""

from __future__ import annotations

import asyncio

import pytest
import redis.asyncio

from common.clock import VirtualClock
from common.providers.notion.duplicates import StoreCreateGuard, Turn

ADA, BORIS = "enr_aaaaaaaaaaaaaaaa", "enr_bbbbbbbbbbbbbbbb"


@pytest.fixture
def guard(store: redis.asyncio.Redis, clock: VirtualClock) -> StoreCreateGuard:
    return StoreCreateGuard(store, clock=clock, settle_ms=30_000)


async def test_one_of_many_simultaneous_callers_may_create_the_page_and_the_others_wait(
    guard: StoreCreateGuard,
) -> None:
    turns = await asyncio.gather(*(guard.begin("sequence", ADA) for _ in range(20)))

    assert turns.count(Turn()) == 1
    assert turns.count(Turn(wait_ms=30_000)) == 19


async def test_create_guard_is_separate_for_each_contact_and_database(guard: StoreCreateGuard) -> None:
    asked = [("sequence", ADA), ("contact", ADA), ("sequence", BORIS)]

    assert [Turn()] * 3 == [await guard.begin(*whose) for whose in asked]


async def test_created_page_is_known_before_any_query_shows_it(guard: StoreCreateGuard) -> None:
    await guard.begin("sequence", ADA)
    await guard.created("sequence", ADA, "page-1")

    assert Turn(page_id="page-1") == await guard.begin("sequence", ADA)


async def test_created_page_is_remembered_for_an_hour_and_an_unknown_outcome_for_a_day(
    guard: StoreCreateGuard, store: redis.asyncio.Redis
) -> None:
    await guard.begin("sequence", ADA)
    await guard.begin("contact", ADA)
    await guard.created("contact", ADA, "page-1")

    kept_ms = [await store.pttl(f"{{advent}}:mirror:create:{database}:{ADA}") for database in ("sequence", "contact")]
    assert [round(ms / 3_600_000) for ms in kept_ms] == [24, 1]


async def test_create_without_an_outcome_may_be_repeated_after_the_settling_time(
    guard: StoreCreateGuard, clock: VirtualClock
) -> None:
    await guard.begin("sequence", ADA)
    clock.advance(29_999)
    assert Turn(wait_ms=1) == await guard.begin("sequence", ADA)

    clock.advance(1)
    assert Turn(after_unknown_outcome=True) == await guard.begin("sequence", ADA)
    assert Turn(wait_ms=30_000) == await guard.begin("sequence", ADA)


async def test_create_that_certainly_failed_may_be_repeated_at_once(guard: StoreCreateGuard) -> None:
    await guard.begin("sequence", ADA)
    await guard.release("sequence", ADA)

    assert Turn() == await guard.begin("sequence", ADA)


async def test_clock_set_back_does_not_block_the_creation_of_a_page(
    store: redis.asyncio.Redis, guard: StoreCreateGuard, clock: VirtualClock
) -> None:
    await guard.begin("sequence", ADA)
    earlier = StoreCreateGuard(store, clock=VirtualClock(clock.now_ms() - 3_600_000), settle_ms=30_000)

    assert Turn(after_unknown_outcome=True) == await earlier.begin("sequence", ADA)


async def test_keys_of_the_create_guard_expire(store: redis.asyncio.Redis, guard: StoreCreateGuard) -> None:
    await guard.begin("sequence", ADA)
    await guard.created("contact", BORIS, "page-1")

    assert {f"{{advent}}:mirror:create:sequence:{ADA}", f"{{advent}}:mirror:create:contact:{BORIS}"} == {
        key.decode() for key in await store.keys("*")
    }
    assert all([await store.pttl(key) > 0 for key in await store.keys("*")])
