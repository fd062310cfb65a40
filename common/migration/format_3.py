"""From format 2 (Advent 0.2.0) to 3: a mailbox is one contact, see `mailboxes.py`."""

from __future__ import annotations

import redis.asyncio

from common.migration import mailboxes
from common.migration.result import MigrationResult, Report


async def migrate(client: redis.asyncio.Redis, report: Report, *, secret_key: str) -> MigrationResult:
    """Each of its parts may be killed and repeated."""
    return await mailboxes.migrate(client, report, secret_key=secret_key)
