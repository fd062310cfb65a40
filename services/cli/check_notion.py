"""The part of `advent check` for the two Notion databases, checked separately; it can add missing columns."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from common.settings.settings import Settings
from services.cli.check_report import CheckReport

if TYPE_CHECKING:
    from common.campaigns.campaigns import Campaigns
    from common.providers.notion.mirror import NotionMirror
    from common.providers.notion.table import Table


async def check_notion(settings: Settings, campaigns: Campaigns, found: CheckReport, *, fix: bool) -> None:
    """`fix`: add missing columns. A failure with one database does not stop the check of the other."""
    report = CheckReport()
    async with AsyncExitStack() as stack:
        tables = _mirror(settings, campaigns, stack).tables
        if len({table.database_id for table in tables}) < len(tables):
            report.problems.append(_SAME)
            tables = ()
        for table in tables:
            if fix:
                await _fix(table, report)
            report.problems += [line for line in await table.problems() if line not in report.problems]
            report.notes += table.lacking()
    if not report.problems:
        report.notes.append("Notion: both databases have all required columns")
    found.problems += report.problems
    found.notes += report.notes


_SAME = "NOTION_BUSINESSX_DB_ID: the same database as NOTION_EMAIL_SEQUENCE_DB_ID; set each to the id or URL of its own"


async def _fix(table: Table, report: CheckReport) -> None:
    from common.errors import Failure

    try:
        report.notes += await table.fix()
    except Failure as failure:
        report.problems.append(f"Notion database {table.database.title}: {failure.detail or failure.code}")


def _mirror(settings: Settings, campaigns: Campaigns, stack: AsyncExitStack) -> NotionMirror:
    from common.clock import SystemClock
    from common.providers.budget import Unlimited
    from common.providers.notion.duplicates import StoreCreateGuard
    from common.providers.notion.mirror import NotionMirror
    from common.store.clients import connect_async

    clock = SystemClock()
    # A check creates no page, so its guard never connects to this store.
    client = connect_async(settings.redis_url or "redis://127.0.0.1")
    stack.push_async_callback(client.aclose)
    mirror = NotionMirror(
        settings.notion_token or "",
        base_url=settings.notion_base_url,
        sequence_db=settings.notion_email_sequence_db_id,
        contact_db=settings.notion_businessx_db_id,
        campaigns=campaigns.notion_columns,
        budget=Unlimited(),
        guard=StoreCreateGuard(client, clock=clock),
        clock=clock,
    )
    stack.push_async_callback(mirror.close)
    return mirror
