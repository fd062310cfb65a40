"""Reads all rows of one campaign in the Email Sequence database, past Notion's limit of 10,000 rows a query."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import redis.asyncio

from common.clock import Clock
from common.domain.notion_import import SequenceRow
from common.domain.projection import CampaignColumns
from common.errors import Misconfigured
from common.providers.budget import Budget
from common.providers.http import list_of
from common.providers.notion.api import NotionApi, Page, is_trashed
from common.providers.notion.duplicates import StoreCreateGuard
from common.providers.notion.schema import Schema, databases
from common.providers.notion.table import Table
from common.providers.notion.values import encoded, plain_value
from common.providers.notion.witness import TITLE
from common.providers.patience import retry_patiently
from common.settings.settings import Settings, SettingsError

PAGE = 100


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch of a query. `is_cut_off`: Notion's limit on rows ended the query, and there are more rows."""

    pages: list[Page]
    next_cursor: str | None
    is_cut_off: bool


class ReadingApi(NotionApi):
    async def batch(
        self, data_source_id: str, condition: Mapping[str, Any] | None, cursor: str | None, *, cure: str
    ) -> Batch:
        """Return up to a hundred rows that match a filter, oldest first."""
        query: dict[str, Any] = {"page_size": PAGE, "sorts": [{"timestamp": "created_time", "direction": "ascending"}]}
        if condition:
            query["filter"] = dict(condition)
        if cursor:
            query["start_cursor"] = cursor
        async with self._request(reading=True, cure=cure):
            answer: Any = await self._sdk.data_sources.query(data_source_id, **query)
            pages = list_of(answer, "results")
        status = answer.get("request_status") or {}
        return Batch(pages, answer.get("next_cursor"), status.get("type") == "incomplete")


class SequenceRows:
    """
    The rows of one campaign. As in the mirror, rows without a campaign belong to the first campaign.

    Methods raise a `Failure`: `Misconfigured`, with the cure, when the database cannot be read as it is.
    """

    def __init__(
        self,
        settings: Settings,
        client: redis.asyncio.Redis,
        *,
        clock: Clock,
        budget: Budget,
        campaign_name: str,
        has_unnamed: bool = True,
        columns: CampaignColumns | None = None,
    ) -> None:
        """
        `has_unnamed`: rows without a campaign are included. `columns`: how Notion shows the campaign; None: in the
        default columns. Raises SettingsError when no database is configured.
        """
        if settings.notion_token is None or settings.notion_email_sequence_db_id is None:
            raise SettingsError(["NOTION_TOKEN, NOTION_EMAIL_SEQUENCE_DB_ID: unset; set both"])
        self._api = ReadingApi(settings.notion_token, settings.notion_base_url, budget=budget)
        self._cure = "share the database Email Sequence with the integration"
        database_id = settings.notion_email_sequence_db_id
        self._columns, self._has_unnamed = columns or CampaignColumns(name=campaign_name), has_unnamed
        sequence, _ = databases([self._columns])
        self._table = Table(self._api, sequence, database_id, guard=StoreCreateGuard(client, clock=clock), clock=clock)
        self._campaign_name = campaign_name

    async def open(self) -> Schema:
        """Return the columns, read by two requests the first time. Raises Misconfigured if a needed one is missing."""
        schema = await self._table.schema()
        needed = ("Email", "Signup Date", *(("Assessment Score",) if self._columns.has_assessment else ()))
        lacking = [name for name in needed if name not in schema.ids]
        if not lacking and not {"Sequence Completed", "Exit Reason"} & schema.ids.keys():
            lacking = ["Sequence Completed"]  # No other column shows who left.
        if lacking:
            lines = [line for line in schema.problems if any(f'"{name}"' in line for name in lacking)]
            raise Misconfigured("columns", "; ".join(lines) or f"the database lacks {', '.join(lacking)}")
        return schema

    async def read(self) -> AsyncIterator[SequenceRow]:
        """Yield every row that is not in the trash, oldest first. Waits while Notion throttles or is away."""
        schema = await retry_patiently(self.open)
        seen: set[str] = set()
        since: str | None = None
        while True:
            newest, cut_off = since, False
            async for batch in self._batches(schema, since):
                cut_off = batch.is_cut_off
                for page in batch.pages:
                    newest = str(page["created_time"])
                    if page["id"] not in seen and not is_trashed(page) and not _is_witness(schema, page):
                        seen.add(page["id"])
                        yield _row(schema, page)
            if not cut_off:
                return
            if newest == since:
                raise Misconfigured(
                    "too_many_rows", f"more than 10,000 rows were created at {since}; move some elsewhere"
                )
            since = newest

    async def close(self) -> None:
        await self._api.close()

    async def _batches(self, schema: Schema, since: str | None) -> AsyncIterator[Batch]:
        """Yield the batches of one query, up to its end or Notion's limit. `since`: only rows created then or later."""
        condition, cursor = self._condition(schema, since), None
        while True:
            batch = await retry_patiently(
                lambda: self._api.batch(schema.data_source_id, condition, cursor, cure=self._cure)  # noqa: B023 -- awaited before either changes
            )
            yield batch
            cursor = batch.next_cursor
            if cursor is None:
                return

    def _condition(self, schema: Schema, since: str | None) -> dict[str, Any] | None:
        parts: list[dict[str, Any]] = []
        if since:
            parts.append({"timestamp": "created_time", "created_time": {"on_or_after": since}})
        if campaign := schema.ids.get("Campaign"):
            name = (encoded("select", self._campaign_name) or {})["select"]["name"]
            alternatives = ({"equals": name}, *(({"is_empty": True},) if self._has_unnamed else ()))
            parts.append({"or": [{"property": campaign, "select": condition} for condition in alternatives]})
        return {"and": parts} if parts else None


def _is_witness(schema: Schema, page: Page) -> bool:
    """Return whether this is our own row (`witness.py`), which belongs to no contact."""
    cells = {cell["id"]: cell for cell in page["properties"].values()}
    email = schema.ids.get("Email", "")
    title = plain_value("title", cells.get(schema.title_id, {}))
    return title == TITLE and not plain_value("email", cells.get(email, {}))


def _row(schema: Schema, page: Page) -> SequenceRow:
    cells = {cell["id"]: cell for cell in page["properties"].values()}
    title = cells.get(schema.title_id, {})
    return SequenceRow(
        page_id=str(page["id"]),
        title=str(plain_value("title", title)),
        created=str(page["created_time"]),
        edited=str(page.get("last_edited_time", "")),
        values={name: plain_value(schema.kind(id_), cells.get(id_, {})) for name, id_ in schema.ids.items()},
        columns=frozenset(schema.ids),
    )
