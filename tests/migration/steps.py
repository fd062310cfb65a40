"""A migration step from format 1 to 2 for tests: it moves every enrollment's status to another field."""

from __future__ import annotations

import asyncio
import sys

import redis.asyncio

from common.ledger import keys
from common.migration.result import MigrationResult, Report
from common.migration.run import migrate_store
from common.migration.steps import Step
from common.store.clients import connect_async
from common.store.format import StoreFormat

OLD, NEW = "st", "status_of_format_2"


async def rename_status(client: redis.asyncio.Redis, report: Report, *, secret_key: str) -> MigrationResult:
    people = 0
    for person in sorted(await client.smembers(keys.PREFIX + "enrolled")):
        key = keys.enrollment(person.decode())
        if (status := await client.hget(key, OLD)) is not None:
            await client.pipeline(transaction=True).hset(key, NEW, status).hdel(key, OLD).execute()
        people += 1
        report(f"{people} people")
    return MigrationResult(people=people, keys=people)


STEPS = (Step(source=1, migrate=rename_status),)


async def _killed_after(url: str, people: int) -> None:
    """Migrate, and stop forever after so many contacts, so that the test can kill this process."""
    changed = 0

    def report(line: str) -> None:
        nonlocal changed
        changed += 1
        if changed == people:
            print("half-way", flush=True)
            sys.stdin.read()

    client = connect_async(url)

    async def copy(_found: StoreFormat) -> object:
        return None

    await migrate_store(client, secret_key="a key", copy=copy, report=report, steps=STEPS, target=2)  # type: ignore[arg-type]  # no copy here


if __name__ == "__main__":
    asyncio.run(_killed_after(sys.argv[1], int(sys.argv[2])))
