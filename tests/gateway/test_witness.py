"""A gateway's witness of the store is published for workers that have no DATA_DIR of their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import redis.asyncio

from common.domain.store_generation import Generation, Memory
from common.ledger import keys
from common.ledger.ledger import Ledger
from common.settings.settings import Settings
from common.store.witness_file import WitnessFile
from services.gateway.witness import OWNED_MS, GatewayWitness

NEWER = Memory(generation="a", mark=7, at_ms=1_000, people=3, token="t")


@pytest.fixture
def ledger(store: redis.asyncio.Redis, campaign) -> Ledger:
    settings = Settings(secret_key="k" * 32)
    return Ledger.of(store, [campaign.terms(settings.pace)], secret_key="k" * 32)


@pytest.fixture
def gateway(ledger: Ledger, tmp_path: Path) -> Callable[[], GatewayWitness]:
    settings = Settings(secret_key="k" * 32, data_dir=tmp_path)
    return lambda: GatewayWitness(settings, ledger)


@pytest.fixture
def file(tmp_path: Path) -> WitnessFile:
    return WitnessFile(tmp_path)


async def begun(ledger: Ledger, *, mark: int, at_ms: int = 1_000) -> None:
    await ledger.generations.begin(Generation(id="a", mark=mark, at_ms=at_ms))


async def test_gateway_updates_the_witness_when_no_worker_does(ledger, gateway, file):
    await begun(ledger, mark=3)

    await gateway().turn()

    assert file.read() == Memory(generation="a", mark=3, at_ms=1_000, people=0, token="")
    assert await ledger.generations.published() == []


async def test_gateway_leaves_the_witness_to_a_worker_that_updates_it(ledger, gateway, file):
    file.write(NEWER)
    await begun(ledger, mark=9, at_ms=NEWER.at_ms + OWNED_MS)

    await gateway().turn()

    assert file.read() == NEWER


async def test_witness_newer_than_a_restored_store_is_published_and_kept(ledger, gateway, file):
    file.write(NEWER)
    await begun(ledger, mark=3)

    await gateway().turn()

    assert await ledger.generations.published() == [NEWER]
    assert file.read() == NEWER


async def test_witness_is_published_to_a_store_without_a_generation_and_never_begun_from_it(ledger, gateway, file):
    await gateway().turn()
    assert file.read() is None

    file.write(NEWER)
    await gateway().turn()

    assert await ledger.generations.published() == [NEWER]


async def test_witness_is_published_again_after_a_second_restore(ledger, gateway, file):
    file.write(NEWER)
    await begun(ledger, mark=3)
    one = gateway()
    await one.turn()
    await ledger.client.delete(keys.WITNESSES)

    await one.turn()

    assert await ledger.generations.published() == [NEWER]


async def test_witness_remembers_the_generation_of_a_settled_restore(ledger, gateway, file):
    file.write(NEWER)
    settled = Generation(id="b", mark=8, at_ms=NEWER.at_ms + OWNED_MS + 1, ancestors=frozenset({"a"}))
    await ledger.generations.begin(settled)

    await gateway().turn()

    assert file.read() == Memory(generation="b", mark=8, at_ms=settled.at_ms, people=0, token="")
