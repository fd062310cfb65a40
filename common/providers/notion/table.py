"""
Keeps one row for each contact in one database, also when answers are lost.

    page known, same digest                → nothing to do, no request
    page known, other digest               → update it, by id
    page gone, in the trash, or not known  → find it by address: adopt the oldest, trash copies that are certainly ours
    not found                              → create it, one at a time; after a lost answer, search before repeating
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from common.clock import Clock
from common.domain.ids import EnrollmentId
from common.domain.projection import Row
from common.errors import Ambiguous, Failure, Misconfigured, Permanent, Transient
from common.observability.logs import get_logger
from common.providers.notion.api import NotionApi, Page, is_trashed
from common.providers.notion.duplicates import Copies, CreateGuard
from common.providers.notion.schema import Cells, Database, Schema, match, words
from common.providers.notion.values import EMAIL_LENGTH_MAX, is_empty, plain_value

log = get_logger(__name__)

SCHEMA_LIFE_MS = 600_000
"""How long a schema is used. A column added in Notion is noticed after this time, a removed one at a refusal."""


@dataclass(frozen=True, slots=True)
class KnownRow:
    """
    What the ledger stores of one row.

    `page_id`: its page. `digest`: a digest of its values; "": the row may have copies, and is searched for next time.
    """

    page_id: str = ""
    digest: str = ""


class Table:
    """One of the databases. Every method raises a `Failure`, or `redis.RedisError` from the guard's store."""

    def __init__(
        self, api: NotionApi, database: Database, database_id: str, *, guard: CreateGuard, clock: Clock
    ) -> None:
        self.database, self.database_id = database, database_id
        self._api, self._guard, self._clock = api, guard, clock
        self._schema: Schema | None = None
        self._schema_until_ms = 0
        self._resolving = asyncio.Lock()
        self._cure = f"share the database {database.title} with the integration, or correct {database.setting}"

    def use(self, database: Database) -> None:
        """Use other columns of the same database."""
        self.database, self._schema = database, None

    async def show(self, enrollment_id: EnrollmentId, row: Row, known: KnownRow) -> KnownRow:
        """
        Bring the row up to date; the caller stores the answer.

        If Notion refuses a value, the schema is read again, and the row is written once more.
        """
        try:
            return await self._show(enrollment_id, row, known)
        except Permanent as refused:
            if refused.code != "validation_error":
                raise
            self._schema = None
            return await self._show(enrollment_id, row, known)

    async def problems(self) -> list[str]:
        """Return one line for each problem of the database, with its cure."""
        self._schema = None
        try:
            return list((await self.schema()).problems)
        except Failure as failure:
            return [f"Notion database {self.database.title}: {failure.detail or failure.code}"]

    def lacking(self) -> list[str]:
        """Return one line that lists missing optional columns; nothing if the database could not be read."""
        names = [name for name in (self._schema.missing if self._schema else ()) if name in self.database.optional]
        if not names:
            return []
        return [
            f"Notion database {self.database.title}: optional and missing: {', '.join(names)}; with them an empty"
            " store can be rebuilt exactly; `advent check --fix` adds what is missing"
        ]

    async def fix(self) -> list[str]:
        """Add the missing properties, optional ones included. Return one line for each."""
        self._schema = None
        schema = await self.schema()
        if not schema.missing:
            return []
        await self._api.add_properties(schema.data_source_id, schema.missing, cure=self._cure)
        self._schema = None
        added = schema.missing.items()
        return [f'Notion database {self.database.title}: added "{name}" ({words(kind)})' for name, kind in added]

    async def schema(self) -> Schema:
        async with self._resolving:
            if self._schema is None or self._clock.now_ms() >= self._schema_until_ms:
                self._schema = await self._resolved()
                self._schema_until_ms = self._clock.now_ms() + SCHEMA_LIFE_MS
            return self._schema

    async def _resolved(self) -> Schema:
        try:
            database = await self._api.database(self.database_id, cure=self._cure)
            sources = database.get("data_sources") or []
            if len(sources) != 1:
                raise Misconfigured("data_sources", _sources_line(self.database, sources))
            return match(self.database, await self._api.data_source(sources[0]["id"], cure=self._cure))
        except Permanent as refused:
            raise Misconfigured(refused.code, f"{self._cure} ({refused.detail})", status=refused.status) from None

    async def _show(self, enrollment_id: EnrollmentId, row: Row, known: KnownRow) -> KnownRow:
        schema = await self.schema()
        cells = schema.cells(row)
        digest = schema.digest(cells)
        if known.page_id and known.digest == digest:
            return known
        replaces_lost_page = False
        if known.page_id and known.digest:
            if await self._update(known.page_id, cells):
                return KnownRow(known.page_id, digest)
            await self._guard.release(self.database.key, enrollment_id)
            replaces_lost_page = True
        copies = Copies(schema, await self._find_pages(schema, enrollment_id, row), row)
        if copies.oldest is not None:
            return KnownRow(await self._adopt(schema, row, copies), digest)
        if known.page_id and not known.digest and await self._update(known.page_id, cells):
            return KnownRow(known.page_id, digest)
        created = await self._create(schema, enrollment_id, row, digest)
        if replaces_lost_page:
            log.warning("notion_row_recreated", database=self.database.title, enrollment_id=enrollment_id)
        return created

    async def _update(self, page_id: str, cells: Cells) -> bool:
        """Update a page. Return False when it is gone or in the trash."""
        try:
            return not is_trashed(await self._api.update(page_id, cells))
        except Permanent as refused:
            if refused.status == 404:
                return False
            # Notion refuses to edit a page in the trash with the same code as a wrong value.
            if is_trashed(await self._api.page(page_id)):
                return False
            raise

    async def _find_pages(self, schema: Schema, enrollment_id: EnrollmentId, row: Row) -> Sequence[Page]:
        address = str(row.values[self.database.address])
        condition: dict[str, Any]
        if self.database.address in schema.ids and len(address) <= EMAIL_LENGTH_MAX:
            condition = {"property": schema.ids[self.database.address], "email": {"equals": address}}
        elif "Enrollment ID" in schema.ids:
            condition = {"property": schema.ids["Enrollment ID"], "rich_text": {"equals": enrollment_id}}
        elif self.database.address in schema.ids:
            return []  # The address is longer than Notion allows: this row can only be found by its page id.
        else:
            raise Misconfigured("no_address_column", _no_address_line(self.database))
        return await self._api.query(schema.data_source_id, condition, cure=self._cure)

    async def _adopt(self, schema: Schema, row: Row, copies: Copies) -> str:
        oldest = copies.oldest
        assert oldest is not None
        there = {cell["id"]: cell for cell in oldest["properties"].values()}
        differing = {
            property_id: cell
            for property_id, cell in schema.cells(row).items()
            if plain_value(kind := schema.kind(property_id), cell) != plain_value(kind, there.get(property_id, {}))
        }
        for property_id, cell in schema.cells_if_empty(row).items():
            if is_empty(schema.kind(property_id), there.get(property_id, {})):
                differing[property_id] = cell
        page_id = str(oldest["id"])
        if differing and not await self._update(page_id, differing):
            raise Transient("page_gone", "the page went to the trash while it was being adopted")
        for copy in copies.superfluous():
            with contextlib.suppress(Permanent):  # Another worker was faster.
                await self._api.trash(copy["id"])
        return page_id

    async def _create(self, schema: Schema, enrollment_id: EnrollmentId, row: Row, digest: str) -> KnownRow:
        key = self.database.key
        turn = await self._guard.begin(key, enrollment_id)
        if turn.page_id:
            if await self._update(turn.page_id, schema.cells(row)):
                return KnownRow(turn.page_id, digest)
            await self._guard.release(key, enrollment_id)
            turn = await self._guard.begin(key, enrollment_id)
        if turn.page_id or turn.wait_ms:
            raise Transient("create_outcome_unknown", "a page that may exist is searched for before it is created")
        cells = schema.cells_if_empty(row) | schema.cells(row)
        try:
            page_id = await self._api.create(schema.data_source_id, cells, cure=self._cure)
        except Ambiguous:
            raise  # The guard is not released: the page is searched for before it is created again.
        except Failure:
            await self._guard.release(key, enrollment_id)
            raise
        await self._guard.created(key, enrollment_id, page_id)
        return KnownRow(page_id, "" if turn.after_unknown_outcome else digest)


def _no_address_line(database: Database) -> str:
    return (
        f'{database.title} has no property "{database.address}" of type email, without which no row can be found: '
        "add it, or run `advent check --fix`"
    )


def _sources_line(database: Database, sources: Sequence[Any]) -> str:
    names = ", ".join(f'"{source.get("name")}"' for source in sources) or "none"
    return (
        f"{database.title} must have exactly one data source and has {len(sources)} ({names}): move the others to a "
        f"database of their own, or set {database.setting} to a database with one"
    )
