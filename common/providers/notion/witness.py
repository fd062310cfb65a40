"""The witness in Notion: a row in the Email Sequence database that stores the newest generation of the store."""

from __future__ import annotations

import redis.asyncio

from common.clock import Clock
from common.domain.store_generation import Memory
from common.errors import Misconfigured, Permanent
from common.providers.budget import Budget
from common.providers.notion.api import NotionApi, Page, is_trashed
from common.providers.notion.duplicates import StoreCreateGuard
from common.providers.notion.schema import SEQUENCE, Cells, Schema
from common.providers.notion.table import Table
from common.providers.notion.values import encoded, plain_value
from common.settings.settings import Settings

TITLE = "Advent (do not delete)"
COLUMNS = ("Business Name", "First Name", "Time Zone", "Enrollment ID")
"""The text is in the first of these columns that the database has."""


class NotionWitness:
    """The row of the witness, which has no address, so that it belongs to no contact. Methods raise a `Failure`."""

    def __init__(self, settings: Settings, client: redis.asyncio.Redis, *, clock: Clock, budget: Budget) -> None:
        assert settings.notion_token is not None
        assert settings.notion_email_sequence_db_id is not None
        self._api = NotionApi(settings.notion_token, settings.notion_base_url, budget=budget)
        self._cure = "share the database Email Sequence with the integration"
        database_id = settings.notion_email_sequence_db_id
        self._table = Table(self._api, SEQUENCE, database_id, guard=StoreCreateGuard(client, clock=clock), clock=clock)
        self._page_id: str | None = None

    async def read(self, *, search: bool = False) -> Memory | None:
        """Return what the row says, or None without one. `search`: search for the row even if its page is known."""
        schema = await self._table.schema()
        if self._page_id is not None and not search:
            try:
                page = await self._api.page(self._page_id)
            except Permanent as refused:
                if refused.status != 404:
                    raise
            else:
                if not is_trashed(page):
                    return _memory(schema, page)
        page_found = await self._find(schema)
        self._page_id = str(page_found["id"]) if page_found else None
        return _memory(schema, page_found) if page_found else None

    async def write(self, memory: Memory) -> None:
        """Update the row, or create it."""
        schema = await self._table.schema()
        cells = _cells(schema, memory)
        if self._page_id is not None:
            await self._api.update(self._page_id, cells)
        else:
            self._page_id = await self._api.create(schema.data_source_id, cells, cure=self._cure)

    async def close(self) -> None:
        await self._api.close()

    async def _find(self, schema: Schema) -> Page | None:
        """Return the oldest row of a witness, so that every process uses the same one."""
        condition = {"property": schema.title_id, "title": {"equals": TITLE}}
        pages = await self._api.query(schema.data_source_id, condition, cure=self._cure)
        pages = [page for page in pages if not is_trashed(page)]
        return min(pages, key=lambda page: (page["created_time"], page["id"]), default=None)


def _column(schema: Schema) -> str:
    found = next((schema.ids[name] for name in COLUMNS if name in schema.ids), None)
    if found is None:
        raise Misconfigured("columns", 'Notion database Email Sequence: it lacks "Business Name" (rich text)')
    return found


def _cells(schema: Schema, memory: Memory) -> Cells:
    return {
        schema.title_id: encoded("title", TITLE) or {},
        _column(schema): encoded("rich_text", memory.to_json()) or {},
    }


def _memory(schema: Schema, page: Page) -> Memory | None:
    cells = {cell["id"]: cell for cell in page["properties"].values()}
    return Memory.from_json(str(plain_value("rich_text", cells.get(_column(schema), {}))))
