"""A store that can be saved, restored and copied, and workers that check the store when they start."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
import redis.asyncio

from actors.upkeep.generation_guard import GenerationGuard
from common.domain.contact import Assessment
from common.ledger import keys
from common.ledger.ledger import Ledger
from tests.rebuild.conftest import Installation

STEPS = [f"step-{step}" for step in range(1, 8)]
FASTER = 10

StartWorker = Callable[..., Awaitable[GenerationGuard]]


async def faster(seconds: float) -> None:
    await asyncio.sleep(seconds / FASTER)


@pytest.fixture
async def copy(installation: Installation, store_url: str) -> AsyncIterator[redis.asyncio.Redis]:
    """A second store: another database of the same server."""
    async with _database(store_url, 1) as client:
        yield client


@pytest.fixture
async def second_copy(installation: Installation, store_url: str) -> AsyncIterator[redis.asyncio.Redis]:
    async with _database(store_url, 2) as client:
        yield client


@asynccontextmanager
async def _database(store_url: str, number: int) -> AsyncIterator[redis.asyncio.Redis]:
    async with redis.asyncio.from_url(store_url, db=number) as client:
        yield client
        await client.flushdb()


@pytest.fixture
async def start_worker(installation: Installation, tmp_path, copy, second_copy) -> AsyncIterator[StartWorker]:
    """
    A function that starts a worker's check of the store, which precedes its first job. Each `machine` has a DATA_DIR.

    The fixture stops the workers before the clients of the copies are closed, because they may use those.
    """
    started: list[GenerationGuard] = []

    async def start_worker(
        machine: str = "one", *, notion: bool = True, client: Any = None, sleep: Any = faster
    ) -> GenerationGuard:
        (tmp_path / machine).mkdir(exist_ok=True)
        update = {"data_dir": tmp_path / machine}
        if not notion:
            update |= {"notion_email_sequence_db_id": None}
        world = installation.world
        providers = installation._opened[-1]
        world = replace(
            world,
            settings=installation.settings.model_copy(update=update),
            worker=f"{machine}-{len(started)}",
            suppression_list=providers.suppression_list,
        )
        if client is not None:
            world = replace(world, ledger=ledger_on(installation, client))
        guard = GenerationGuard(world, sleep=sleep)
        started.append(guard)
        await guard.before_work()
        if guard._settling is not None:
            await guard._settling
        return guard

    yield start_worker
    for guard in started:
        await guard.stop()


async def backup(installation: Installation) -> dict[bytes, bytes]:
    return {key: await installation.store.dump(key) async for key in installation.store.scan_iter(count=1000)}


async def restore(installation: Installation, saved: dict[bytes, bytes]) -> None:
    await installation.store.flushall()
    for key, value in saved.items():
        if key != keys.GENERATION_KEEPER.encode():
            await installation.store.restore(key, 0, value)


async def holds(installation: Installation) -> set[str]:
    return set(await installation.world.ledger.holds.active())


def people(number: int) -> list[Assessment]:
    return [
        Assessment(
            email=f"p{i}@salon.example", first_name=f"P{i}", assessment_score=38, red_systems=2, weakest_system_1="GPS"
        )
        for i in range(number)
    ]


def ledger_on(installation: Installation, client: redis.asyncio.Redis) -> Ledger:
    terms = installation.world.campaigns.terms(installation.settings.pace)
    return Ledger.of(client, terms, secret_key=installation.settings.secret)


async def with_a_first_mail(
    installation: Installation, start_worker: StartWorker, person: Assessment
) -> GenerationGuard:
    """Return the worker of a store in use, which all witnesses know."""
    worker = await start_worker("one")
    await installation.simulation.sign_up(person)
    await installation.until(1)
    await worker.turn()
    return worker
