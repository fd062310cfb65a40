"""
Migrates format 2 (Advent 0.2.0) to 3: a mailbox becomes one contact, see `mailboxes.py`; indexes, see `indexes.py`.

Enrolled contacts are marked as having no version of their campaign in force, until a person decides which one they get.
"""

from __future__ import annotations

import redis.asyncio

from common.ledger import keys
from common.migration import indexes, mailboxes
from common.migration.result import MigrationResult, Report


async def migrate(client: redis.asyncio.Redis, report: Report, *, secret_key: str) -> MigrationResult:
    """Run all parts. Each of them may be killed and repeated."""
    result = await mailboxes.migrate(client, report, secret_key=secret_key)
    await indexes.migrate(client)
    if await client.exists(keys.UNDER_WAY) and not await client.exists(keys.IN_FORCE):
        await client.set(keys.UNVERSIONED, 1)
    return result
