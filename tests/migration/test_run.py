"""A store in an older format is migrated in one run, and no contact is lost."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import redis.asyncio

from common.domain.ids import key_fingerprint
from common.ledger import keys
from common.migration.result import MigrationResult
from common.migration.run import Migration, migrate_store
from common.migration.steps import Step
from common.store.clients import connect_async
from common.store.errors import StoreError
from common.store.format import StoreFormat
from tests.migration.steps import NEW, OLD, STEPS

PEOPLE = ("enr_a", "enr_b", "enr_c", "enr_d")

Migrate = Callable[[], Awaitable[Migration | None]]


@pytest.fixture
async def older(store: redis.asyncio.Redis) -> redis.asyncio.Redis:
    await store.set(keys.FORMAT, "1")
    await store.sadd(keys.PREFIX + "enrolled", *PEOPLE)
    for person in PEOPLE:
        await store.hset(keys.enrollment(person), mapping={OLD: "active", "e": f"{person}@people.example"})
    return store


@pytest.fixture
def copies() -> list[StoreFormat]:
    return []


@pytest.fixture
def migrate(store: redis.asyncio.Redis, copies: list[StoreFormat]) -> Migrate:
    async def copy(found: StoreFormat) -> Path:
        copies.append(found)
        return Path("a copy")

    return lambda: migrate_store(store, secret_key="a key", copy=copy, report=lambda _line: None, steps=STEPS, target=2)


async def statuses(store: redis.asyncio.Redis) -> dict[str, list[bytes | None]]:
    return {person: await store.hmget(keys.enrollment(person), OLD, NEW) for person in PEOPLE}


MIGRATED = {person: [None, b"active"] for person in PEOPLE}


async def test_all_contacts_are_migrated_after_a_copy_was_made(
    older: redis.asyncio.Redis, migrate: Migrate, copies: list[StoreFormat]
) -> None:
    migration = await migrate()

    assert await statuses(older) == MIGRATED
    assert await older.get(keys.FORMAT) == b"2"
    assert copies == [StoreFormat(1)]
    assert migration is not None
    assert (migration.source, migration.target, migration.copy) == (1, 2, Path("a copy"))
    assert migration.results == (MigrationResult(people=4, keys=4),)
    assert "from format 1 to 2" in migration.describe()


async def test_a_second_run_changes_nothing(
    older: redis.asyncio.Redis, migrate: Migrate, copies: list[StoreFormat]
) -> None:
    await migrate()
    assert await migrate() is None

    assert await statuses(older) == MIGRATED
    assert copies == [StoreFormat(1)]


async def test_an_empty_store_needs_no_migration(store: redis.asyncio.Redis, migrate: Migrate) -> None:
    await store.set(keys.FORMAT, "2")
    assert await migrate() is None


@pytest.mark.parametrize("process", ["gateway", "worker", "console", "command"])
async def test_migration_changes_nothing_while_a_process_is_connected(
    older: redis.asyncio.Redis, migrate: Migrate, copies: list[StoreFormat], store_url: str, process: str
) -> None:
    async with connect_async(store_url, process=process) as other:
        await other.ping()
        with pytest.raises(StoreError, match=rf"^{process} of Advent is connected to the store; stop it"):
            await migrate()

    assert (await older.get(keys.FORMAT), copies) == (b"1", [])


async def test_process_that_connects_while_the_copy_is_made_stops_the_migration(
    older: redis.asyncio.Redis, store_url: str
) -> None:
    other = connect_async(store_url, process="worker")

    async def copy(_found: StoreFormat) -> Path:
        await other.ping()
        return Path("a copy")

    with pytest.raises(StoreError, match="worker of Advent is connected"):
        await migrate_store(older, secret_key="a key", copy=copy, report=lambda _line: None, steps=STEPS, target=2)

    assert await older.get(keys.FORMAT) == b"1"
    await other.aclose()


async def test_migration_killed_half_way_continues_and_makes_no_second_copy(
    older: redis.asyncio.Redis, migrate: Migrate, copies: list[StoreFormat], store_url: str
) -> None:
    command = [sys.executable, "-m", "tests.migration.steps", store_url, "2"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "half-way\n"
        process.kill()

    assert await older.get(keys.FORMAT) == b"1>2"
    assert [migrated for _, migrated in (await statuses(older)).values()] == [b"active", b"active", None, None]
    migration = await migrate()
    assert await statuses(older) == MIGRATED
    assert (migration and migration.copy, copies) == (None, [])


async def test_migration_with_another_secret_key_is_refused_before_any_change(
    older: redis.asyncio.Redis, migrate: Migrate, copies: list[StoreFormat]
) -> None:
    await older.set(keys.SECRET_KEY, key_fingerprint("the key of the store"))

    with pytest.raises(StoreError, match="SECRET_KEY: not the one that this store was begun with"):
        await migrate()

    assert (await older.get(keys.FORMAT), copies) == (b"1", [])


@pytest.mark.parametrize(
    ("written", "line"),
    [
        ("7", "the store was written in format 7, and this version reads format"),
        ("1>7", "a migration of the store from format 1 to 7 was interrupted; run `advent migrate` of the version"),
    ],
)
async def test_migration_of_a_newer_format_is_refused(
    older: redis.asyncio.Redis, migrate: Migrate, written: str, line: str
) -> None:
    await older.set(keys.FORMAT, written)

    with pytest.raises(StoreError, match=line):
        await migrate()

    assert await older.get(keys.FORMAT) == written.encode()


async def test_migration_steps_run_in_order(older: redis.asyncio.Redis) -> None:
    seen: list[bytes | None] = []

    async def look(client: redis.asyncio.Redis, report: object, *, secret_key: str) -> MigrationResult:
        seen.append(await client.get(keys.FORMAT))
        return MigrationResult()

    async def copy(_found: StoreFormat) -> Path:
        return Path("a copy")

    steps = (Step(source=2, migrate=look), Step(source=1, migrate=look))
    migration = await migrate_store(
        older, secret_key="a key", copy=copy, report=lambda _line: None, steps=steps, target=3
    )

    assert seen == [b"1>2", b"2>3"]
    assert await older.get(keys.FORMAT) == b"3"
    assert migration is not None
    assert len(migration.results) == 2
