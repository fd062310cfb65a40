"""
A migration: refuse while another process uses the store, make a copy, run the steps in order, set the new format.

From the first change until the end, the store's format reads `1>2`, which every version refuses, older ones too. If a
run is killed, the next one repeats it, and keeps the copy that the first one made.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import redis.asyncio

from common.clock import Clock, utc_datetime
from common.ledger import keys
from common.migration.copies import backup_path, copy_files, dump_keys
from common.migration.result import MigrationResult, Report
from common.migration.steps import STEPS, Step, steps_from
from common.store.client_names import processes_at
from common.store.clients import connect_async
from common.store.embedded import EmbeddedStore
from common.store.errors import StoreError
from common.store.format import FORMAT, StoreFormat, describe_problem, store_format
from common.store.identity import SECRET_KEY_MISMATCH, secret_key_differs

Copy = Callable[[StoreFormat], Awaitable[Path]]
"""Makes a copy of the whole store and returns where it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """
    The result of a migration.

    `copy`: where the copy of the store is; None when an interrupted run made it. `results`: that of each step.
    """

    source: int
    target: int
    copy: Path | None
    results: tuple[MigrationResult, ...]
    duration_ms: int

    def describe(self) -> str:
        """Return one line: what was changed, how long it took, where the copy is."""
        done = "; ".join(
            f"{result.people} people, {result.deliveries} deliveries, {result.bookings} bookings, {result.keys} keys"
            for result in self.results
        )
        kept = f"a copy is in {self.copy}" if self.copy else "the copy that an interrupted run made stays"
        return (
            f"the store was migrated from format {self.source} to {self.target} in {self.duration_ms / 1000:.1f} s:"
            f" {done}; {kept}"
        )


async def migrate_embedded(
    store: EmbeddedStore, data_dir: Path, *, secret_key: str, clock: Clock, report: Report
) -> Migration | None:
    """Run `migrate_store` for a running embedded store that serves no client yet; the copy is a folder in DATA_DIR."""
    client = connect_async(store.url)

    async def copy(found: StoreFormat) -> Path:
        return await copy_files(client, store, backup_path(data_dir, found, utc_datetime(clock.now_ms())))

    try:
        return await migrate_store(client, secret_key=secret_key, copy=copy, report=report)
    finally:
        await client.aclose()


async def migrate_external(
    url: str, data_dir: Path, *, secret_key: str, clock: Clock, report: Report
) -> Migration | None:
    """Run `migrate_store` for the store at REDIS_URL; the copy is a file in DATA_DIR with all of Advent's keys."""
    client = connect_async(url)

    async def copy(found: StoreFormat) -> Path:
        return await dump_keys(client, backup_path(data_dir, found, utc_datetime(clock.now_ms())))

    try:
        return await migrate_store(client, secret_key=secret_key, copy=copy, report=report)
    finally:
        await client.aclose()


async def migrate_store(
    client: redis.asyncio.Redis,
    *,
    secret_key: str,
    copy: Copy,
    report: Report,
    steps: Sequence[Step] = STEPS,
    target: int = FORMAT,
) -> Migration | None:
    """
    Migrate the store to `target`; return None if it is there already.

    Raises StoreError, before anything was changed, for a store that cannot be migrated or that another process uses;
    `redis.RedisError`, after which the same call continues.
    """
    began_s = time.monotonic()
    found = await store_format(client)
    if found == StoreFormat(target):
        return None
    planned = steps_from(found, steps, target=target)
    if not planned or found.number is None:
        raise StoreError(describe_problem(found) or f"no step leads from format {found} to {target}")
    if await secret_key_differs(client, secret_key):
        raise StoreError(SECRET_KEY_MISMATCH)
    await refuse_others(client)
    place = None if found.target is not None else await copy(found)
    results = [await _run(client, step, secret_key, report) for step in planned]
    return Migration(
        source=found.number,
        target=target,
        copy=place,
        results=tuple(results),
        duration_ms=round((time.monotonic() - began_s) * 1000),
    )


async def _run(client: redis.asyncio.Redis, step: Step, secret_key: str, report: Report) -> MigrationResult:
    before = await store_format(client)
    await client.set(keys.FORMAT, str(StoreFormat(step.source, step.target)))
    try:
        # A process that connected since the first check has read the old format; one that connects now reads the new.
        await refuse_others(client)
    except StoreError:
        await client.set(keys.FORMAT, str(before))
        raise
    result = await step.migrate(client, report, secret_key=secret_key)
    await client.set(keys.FORMAT, str(step.target))
    return result


async def refuse_others(client: redis.asyncio.Redis) -> None:
    """Raise StoreError while a process of Advent is connected, apart from commands that only read."""
    names = await processes_at(client)
    if names:
        raise StoreError(
            f"{' and '.join(names)} of Advent {'is' if len(names) == 1 else 'are'} connected to the store; stop"
            f" {'it' if len(names) == 1 else 'them'}, then run `advent migrate` again"
        )
