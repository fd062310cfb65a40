"""The gateway's clock follows the store's, because the due times of a campaign count from it."""

from __future__ import annotations

import json
import time

import pytest

from common.clock import SystemClock, VirtualClock
from common.ledger.ledger import Ledger
from common.store.clock_sync import ClockSync
from common.store.embedded import EmbeddedStore
from tests.gateway.conftest import SIGNUP, Gateway, OpenGateway


@pytest.fixture
def ledger(gateway: Gateway) -> Ledger:
    return gateway.context.intake.ledger


@pytest.mark.parametrize("apart_ms", [3_600_000, -3_600_000, 1_500])
async def test_a_clock_that_is_wrong_is_corrected(ledger: Ledger, apart_ms: int) -> None:
    wrong, right = SystemClock(), SystemClock()
    wrong.offset_ms = apart_ms
    await ClockSync(ledger.client, wrong, by="test").sync()

    assert abs(wrong.now_ms() - right.now_ms()) < 500


async def test_a_small_deviation_of_the_clock_is_not_corrected(ledger: Ledger) -> None:
    clock = SystemClock()
    clock.offset_ms = 300
    await ClockSync(ledger.client, clock, by="test").sync()

    assert clock.offset_ms == 300


async def test_a_virtual_clock_is_not_corrected(ledger: Ledger) -> None:
    clock = VirtualClock(5)
    await ClockSync(ledger.client, clock, by="test").sync()

    assert clock.now_ms() == 5


async def test_the_first_request_uses_the_stores_time(open_gateway: OpenGateway, store_url: str) -> None:
    wrong = SystemClock()
    wrong.offset_ms = -7_200_000
    gateway = await open_gateway(store_url, clock=wrong)

    assert abs(wrong.offset_ms) < 1_000
    assert (await gateway.request("GET", "/health")).status == 200


async def test_a_gateway_starts_without_its_store(open_gateway: OpenGateway, own_store: EmbeddedStore) -> None:
    own_store.stop()
    gateway = await open_gateway(own_store.url, clock=SystemClock())

    assert (await gateway.request("GET", "/ready")).status == 200


class SetClock(SystemClock):
    """A clock that the store has set an hour ahead, on a machine whose own clock agrees with those of the signers."""

    def now_ms(self) -> int:
        return super().now_ms() + 3_600_000


async def test_signature_timestamps_are_checked_by_the_clock_of_the_machine(
    open_gateway: OpenGateway, own_store: EmbeddedStore
) -> None:
    own_store.stop()
    gateway = await open_gateway(own_store.url, clock=SetClock())
    now_s = int(time.time())

    async def status(at_s: int, id: str) -> int:
        body = json.dumps({"email": f"{id}@example.org"}).encode()
        headers = gateway.headers(body, id=id, at_s=at_s)
        return (await gateway.request("POST", SIGNUP, data=body, headers=headers)).status

    assert await status(now_s, "msg_1") != 401
    assert await status(now_s + 3_600, "msg_2") == 401
