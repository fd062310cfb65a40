"""The problems that `advent check` finds in the columns of both Notion databases, and the fixes that it makes."""

from __future__ import annotations

from common.providers.notion.mirror import NotionMirror


async def problems(mirror: NotionMirror) -> list[str]:
    return [line for table in mirror.tables for line in await table.problems()]


async def fix(mirror: NotionMirror) -> list[str]:
    return [line for table in mirror.tables for line in await table.fix()]
