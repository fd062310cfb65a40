"""The gateway sets the instant from which a campaign counts: its clock goes with the store's."""

from __future__ import annotations

import pytest

from common.clock import SystemClock, VirtualClock
from common.ledger.ledger import Ledger
from common.store.clock_sync import correct_clock
from common.store.embedded import EmbeddedStore
from tests.gateway.conftest import Opener, Site


@pytest.fixture
def ledger(site: Site) -> Ledger:
    return site.door.intake.ledger


@pytest.mark.parametrize("apart_ms", [3_600_000, -3_600_000, 1_500])
async def test_a_clock_that_is_wrong_is_corrected(ledger: Ledger, apart_ms: int) -> None:
    wrong, right = SystemClock(), SystemClock()
    wrong.offset_ms = apart_ms
    await correct_clock(ledger.client, wrong)

    assert abs(wrong.now_ms() - right.now_ms()) < 500


async def test_a_clock_that_is_nearly_right_is_left_alone(ledger: Ledger) -> None:
    clock = SystemClock()
    clock.offset_ms = 300
    await correct_clock(ledger.client, clock)

    assert clock.offset_ms == 300


async def test_a_clock_moved_by_hand_stays_where_it_is(ledger: Ledger) -> None:
    clock = VirtualClock(5)
    await correct_clock(ledger.client, clock)

    assert clock.now_ms() == 5


async def test_a_gateway_serves_with_the_stores_time_from_its_first_request(opens: Opener, store_url: str) -> None:
    wrong = SystemClock()
    wrong.offset_ms = -7_200_000
    site = await opens(store_url, clock=wrong)

    assert abs(wrong.offset_ms) < 1_000
    assert (await site.asks("GET", "/health")).status == 200


async def test_a_gateway_without_its_store_starts_all_the_same(opens: Opener, own_store: EmbeddedStore) -> None:
    own_store.stop()
    site = await opens(own_store.url, clock=SystemClock())

    assert (await site.asks("GET", "/ready")).status == 200
