"""The endpoints of pages: create, read, change, move to the trash."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from services.sandbox.notion import shapes
from services.sandbox.notion.errors import UNDEFINED, invalid, misshapen, not_found
from services.sandbox.notion.page_store import PageStore
from services.sandbox.notion.records import Page, Source
from services.sandbox.notion.requests import only_properties, path_id, read_object, respond
from services.sandbox.notion.values import read_properties
from services.sandbox.state import Sandbox


class Pages:
    """The handlers of /pages."""

    def __init__(self, sandbox: Sandbox, store: PageStore) -> None:
        self._sandbox = sandbox
        self._store = store

    async def create(self, request: web.Request) -> web.Response:
        body = await read_object(request)
        source = self._parent(body.get("parent", UNDEFINED))
        source, values = self._read(source, body.get("properties", UNDEFINED))
        with self._sandbox.disk.transaction():
            self._save_options(source)
            page = self._store.add_page(source.id, values)
        return respond(shapes.page(page, source))

    async def retrieve(self, request: web.Request) -> web.Response:
        page, source = self._found(request)
        return respond(shapes.page(page, source, only_properties(request)))

    async def update(self, request: web.Request) -> web.Response:
        body = await read_object(request)
        page, source = self._found(request)
        in_trash = body.get("in_trash", body.get("archived", page.in_trash))
        if not isinstance(in_trash, bool):
            raise misshapen("body.in_trash", "a boolean or `undefined`", in_trash)
        if page.in_trash and in_trash:
            raise invalid("Can't edit block that is archived. You must unarchive the block before editing.")
        source, values = self._read(source, body.get("properties") or {})
        with self._sandbox.disk.transaction():
            self._save_options(source)
            page = self._store.change_page(page, values, in_trash=in_trash)
        return respond(shapes.page(page, source))

    def _read(self, source: Source, properties: Any) -> tuple[Source, dict[str, Any]]:
        return read_properties(source, properties, to_the_minute=self._sandbox.dials.notion_minute_dates)

    def _save_options(self, source: Source) -> None:
        """Save the select options that this write created."""
        if source != self._store.sources[source.id]:
            self._store.put_source(source)

    def _found(self, request: web.Request) -> tuple[Page, Source]:
        page_id = path_id(request, "page_id")
        page = self._store.page(page_id)
        if page is None:
            raise not_found("page", page_id)
        return page, self._store.sources[page.source_id]

    def _parent(self, parent: Any) -> Source:
        if not isinstance(parent, dict):
            raise misshapen("body.parent", "defined" if parent is UNDEFINED else "an object", parent)
        if "data_source_id" in parent:
            source_id = path_id(parent["data_source_id"], "data_source_id", "body.parent")
            if source_id not in self._store.sources:
                raise not_found("data_source", source_id)
            return self._store.sources[source_id]
        if "database_id" in parent:
            return self._only_source(path_id(parent["database_id"], "database_id", "body.parent"))
        if "page_id" in parent or parent.get("workspace"):
            raise invalid("The sandbox stores only rows of databases: give a data_source_id as the parent.")
        raise misshapen("body.parent.data_source_id", "defined", UNDEFINED)

    def _only_source(self, database_id: str) -> Source:
        if database_id not in self._store.databases:
            raise not_found("database", database_id)
        sources = self._store.sources_of(database_id)
        if len(sources) != 1:
            raise invalid("Databases with multiple data sources are not supported in this API version.")
        return sources[0]
