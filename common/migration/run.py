"""
One migration: refuse while somebody works, keep a copy, run the steps in order, name the new format.

From its first change until its end the store's format reads `1>2`, which every version refuses, older ones too. A run
that was killed is repeated by the next one, which keeps the copy that the first one made.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import redis.asyncio

from common.clock import Clock, utc_datetime
from common.ledger import keys
from common.migration.copies import copy_files, dump_keys, place_of
from common.migration.result import MigrationResult, Report
from common.migration.steps import STEPS, Step, steps_from
from common.store.client_names import processes_at
from common.store.clients import connect_async
from common.store.embedded import EmbeddedStore
from common.store.errors import StoreError
from common.store.format import FORMAT, StoreFormat, describe_problem, store_format
from common.store.identity import SECRET_KEY_MISMATCH, secret_key_differs

Copy = Callable[[StoreFormat], Awaitable[Path]]
"""Keeps a copy of the whole store and answers where it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """`copy`: where the copy of the store is; None when an interrupted run had made it. `results`: of each step."""

    source: int
    target: int
    copy: Path | None
    results: tuple[MigrationResult, ...]
    duration_ms: int

    def describe(self) -> str:
        """One line: what was changed, how long it took, where the copy is."""
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
    """`migrate_store` for an embedded store that runs and serves nobody yet; the copy is a folder in DATA_DIR."""
    client = connect_async(store.url)

    async def copy(found: StoreFormat) -> Path:
        return await copy_files(client, store, place_of(data_dir, found, utc_datetime(clock.now_ms())))

    try:
        return await migrate_store(client, secret_key=secret_key, copy=copy, report=report)
    finally:
        await client.aclose()


async def migrate_external(
    url: str, data_dir: Path, *, secret_key: str, clock: Clock, report: Report
) -> Migration | None:
    """`migrate_store` for the store at REDIS_URL; the copy is a file in DATA_DIR that holds all our keys."""
    client = connect_async(url)

    async def copy(found: StoreFormat) -> Path:
        return await dump_keys(client, place_of(data_dir, found, utc_datetime(clock.now_ms())))

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
    Bring the store to `target`; None when it is there already.

    Raises StoreError for a store that cannot be migrated or that somebody works on, before anything was changed;
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
        # Who connected since the first check has read the old format; who connects now reads the new one.
        await refuse_others(client)
    except StoreError:
        await client.set(keys.FORMAT, str(before))
        raise
    result = await step.migrate(client, report, secret_key=secret_key)
    await client.set(keys.FORMAT, str(step.target))
    return result


async def refuse_others(client: redis.asyncio.Redis) -> None:
    """Raises StoreError while a process of ours that goes on working is connected."""
    names = await processes_at(client)
    if names:
        raise StoreError(
            f"{' and '.join(names)} of Advent {'is' if len(names) == 1 else 'are'} connected to the store; stop"
            f" {'it' if len(names) == 1 else 'them'}, then run `advent migrate` again"
        )
