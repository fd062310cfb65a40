"""The endpoints of databases and data sources: read, create, change, query."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from aiohttp import web

from services.sandbox.ids import new_id
from services.sandbox.notion import shapes
from services.sandbox.notion.columns import changed_source, make_column
from services.sandbox.notion.errors import UNDEFINED, misshapen, not_found
from services.sandbox.notion.page_store import PageStore
from services.sandbox.notion.query import check_query, find
from services.sandbox.notion.records import Source
from services.sandbox.notion.requests import only_properties, path_id, read_object, respond
from services.sandbox.state import Sandbox


class Tables:
    """The handlers of /databases, /data_sources and /users/me."""

    def __init__(self, sandbox: Sandbox, store: PageStore) -> None:
        self._sandbox = sandbox
        self._store = store

    async def retrieve_database(self, request: web.Request) -> web.Response:
        database_id = path_id(request, "database_id")
        database = self._store.databases.get(database_id)
        if database is None:
            raise not_found("database", database_id)
        return respond(shapes.database(database, self._store.sources_of(database_id)))

    async def retrieve(self, request: web.Request) -> web.Response:
        return respond(shapes.data_source(self._source(request)))

    async def create(self, request: web.Request) -> web.Response:
        """Create another data source in a database. Integrations that expect a single one then fail."""
        body = await read_object(request)
        parent = body.get("parent", UNDEFINED)
        if not isinstance(parent, dict):
            raise misshapen("body.parent", "defined" if parent is UNDEFINED else "an object", parent)
        database_id = path_id(parent.get("database_id"), "database_id", "body.parent")
        if database_id not in self._store.databases:
            raise not_found("database", database_id)
        return respond(shapes.data_source(self._store.put_source(self._new_source(database_id, body))))

    async def update(self, request: web.Request) -> web.Response:
        source, body = self._source(request), await read_object(request)
        changed = changed_source(source, body.get("properties") or {})
        if "title" in body:
            changed = replace(changed, title=_title(body["title"]))
        with self._sandbox.disk.transaction():
            self._empty_retyped(source, changed)
            changed = self._store.put_source(changed)
        return respond(shapes.data_source(changed))

    async def query(self, request: web.Request) -> web.Response:
        source, body = self._source(request), await read_object(request)
        check_query(body)
        if not body.get("filter"):
            self._sandbox.tally.note_suspicious(
                "query without a filter", data_source=source.title, page_size=body.get("page_size")
            )
        now_ms, dials = self._sandbox.clock.now_ms(), self._sandbox.dials
        seen_until_ms = now_ms - int(dials.notion_query_lag_seconds * 1_000)
        rows = list(self._store.indexed_pages_of(source.id, as_of_ms=seen_until_ms))
        found = find(source, rows, body, now_ms=now_ms, rows_max=dials.notion_rows_max)
        only = only_properties(request)
        results = [shapes.page(page, source, only) for page in found.pages]
        return respond(shapes.listing(results, found.next_cursor, is_cut_off=found.is_cut_off))

    async def me(self, request: web.Request) -> web.Response:
        return respond(shapes.bot_user())

    def _source(self, request: web.Request) -> Source:
        source_id = path_id(request, "data_source_id")
        source = self._store.sources.get(source_id)
        if source is None:
            raise not_found("data_source", source_id)
        return source

    def _new_source(self, database_id: str, body: dict[str, Any]) -> Source:
        now_ms, source_id = self._sandbox.clock.now_ms(), new_id()
        asked = dict(body.get("properties") or {})
        title_name = next(
            (name for name, config in asked.items() if isinstance(config, dict) and "title" in config), "Name"
        )
        asked.pop(title_name, None)
        bare = Source(
            id=source_id,
            database_id=database_id,
            title=_title(body["title"]) if "title" in body else "",
            created_ms=now_ms,
            edited_ms=now_ms,
            columns=(make_column(source_id, title_name, "title"),),
        )
        return changed_source(bare, asked)

    def _empty_retyped(self, before: Source, after: Source) -> None:
        """Empty columns whose type changes. Notion converts some types, but programs should not rely on that."""
        types = {column.id: column.type for column in after.columns}
        retyped = {column.id: None for column in before.columns if types.get(column.id, column.type) != column.type}
        for page in self._store.pages_of(before.id) if retyped else []:
            self._store.change_page(page, retyped, in_trash=page.in_trash)


def _title(given: Any) -> str:
    if not isinstance(given, list):
        raise misshapen("body.title", "an array", given)
    return "".join(piece.get("text", {}).get("content", "") for piece in given if isinstance(piece, dict))
