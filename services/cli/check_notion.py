"""The part of `advent check` that looks at the two Notion databases, each by itself, and adds what they lack."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from common.settings.settings import Settings
from services.cli.findings import Findings

if TYPE_CHECKING:
    from common.campaigns.campaign import Campaign
    from common.providers.notion.mirror import NotionMirror
    from common.providers.notion.table import Table


async def check_notion(settings: Settings, campaign: Campaign, found: Findings, *, fix: bool) -> None:
    """`fix`: add the columns that are missing. Trouble with one database does not keep the other from it."""
    told = Findings()
    async with AsyncExitStack() as stack:
        tables = _mirror(settings, campaign, stack).tables
        if len({table.database_id for table in tables}) < len(tables):
            told.problems.append(_SAME)
            tables = ()
        for table in tables:
            if fix:
                await _fix(table, told)
            told.problems += [line for line in await table.problems() if line not in told.problems]
            told.notes += table.lacking()
    if not told.problems:
        told.notes.append("Notion: both databases have what is needed")
    found.problems += told.problems
    found.notes += told.notes


_SAME = "NOTION_BUSINESSX_DB_ID: the same database as NOTION_EMAIL_SEQUENCE_DB_ID; set each to the id or URL of its own"


async def _fix(table: Table, told: Findings) -> None:
    from common.errors import Failure

    try:
        told.notes += await table.fix()
    except Failure as failure:
        told.problems.append(f"Notion database {table.database.title}: {failure.detail or failure.code}")


def _mirror(settings: Settings, campaign: Campaign, stack: AsyncExitStack) -> NotionMirror:
    from common.clock import SystemClock
    from common.providers.budget import Unlimited
    from common.providers.notion.creation_guard import StoreCreateGuard
    from common.providers.notion.mirror import NotionMirror
    from common.store.clients import connect_async

    clock = SystemClock()
    # A check creates no page, so its guard never connects, wherever this is.
    client = connect_async(settings.redis_url or "redis://127.0.0.1")
    stack.push_async_callback(client.aclose)
    mirror = NotionMirror(
        settings.notion_token or "",
        base_url=settings.notion_base_url,
        sequence_db=settings.notion_email_sequence_db_id,
        contact_db=settings.notion_businessx_db_id,
        campaign_name=campaign.name,
        budget=Unlimited(),
        guard=StoreCreateGuard(client, clock=clock),
        clock=clock,
    )
    stack.push_async_callback(mirror.close)
    return mirror
