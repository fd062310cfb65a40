"""
A fake Notion: two databases, their rows, and faults that occur before or after a request is carried out.

It is stricter than Notion where an error in Advent would otherwise go unnoticed: it refuses a query without a filter.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from common.providers.notion.schema import CONTACT, SEQUENCE
from tests.contract.scripted import Answer

SEQUENCE_ID = "33333333-0000-4000-8000-000000000003"
CONTACT_ID = "33333333-0000-4000-8000-000000000004"
BOT = {"object": "user", "id": "aaaaaaaa-0000-4000-8000-000000000001"}


@dataclass
class Fault:
    pattern: str
    answer: Answer
    committed: bool


@dataclass
class FakeNotion:
    url: str = ""
    sources: dict[str, dict[str, Any]] = field(default_factory=dict)
    databases: dict[str, list[str]] = field(default_factory=dict)
    pages: dict[str, dict[str, Any]] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    lagging: bool = False
    edits_trash: bool = False
    faults: list[Fault] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    bodies: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        for database_id, source_id, columns in (
            (SEQUENCE_ID, "ds-sequence", {"Business": "title", **SEQUENCE.columns}),
            (CONTACT_ID, "ds-contact", {"Name": "title", **CONTACT.columns}),
        ):
            self.databases[database_id] = [source_id]
            self.sources[source_id] = {}
            for name, kind in columns.items():
                self.add_column(source_id, name, kind)

    # Methods for tests.

    def add_column(self, source_id: str, name: str, kind: str) -> None:
        property_id = "title" if kind == "title" else f"{source_id[3]}%3A{len(self.sources[source_id]):02}"
        self.sources[source_id][name] = {"id": property_id, "name": name, "type": kind, kind: {}}

    def fails(self, pattern: str, answer: Answer, *, committed: bool = False, times: int = 1) -> None:
        """Give this answer to the next request whose `METHOD path` matches; `committed`: also carry the request out."""
        self.faults += [Fault(pattern, answer, committed)] * times

    def row(self, source_id: str, **values: Any) -> str:
        """Add a row as if another client had created it; `values` are by column name. Return its id."""
        cells = {self.sources[source_id][name]["id"]: value for name, value in values.items()}
        return str(self._create({"parent": {"data_source_id": source_id}, "properties": cells})["id"])

    def rows(self, source_id: str) -> list[dict[str, Any]]:
        """Return the values of all rows that are not in the trash, by column name."""
        pages = [p for p in self.pages.values() if p["parent"]["data_source_id"] == source_id and not p["in_trash"]]
        return [{name: plain(cell) for name, cell in page["properties"].items()} for page in pages]

    def requests(self) -> list[str]:
        asked, self.asked = self.asked, []
        return asked

    # Methods that serve the client.

    async def serve(self, request: web.Request) -> web.StreamResponse:
        line = f"{request.method} {request.path.removeprefix('/v1/')}"
        text = await request.text()
        body = json.loads(text) if text else None
        self.asked.append(line)
        self.bodies.append(body)
        fault = next((f for f in self.faults if re.search(f.pattern, line)), None)
        if fault is not None:
            self.faults.remove(fault)
            if fault.committed:
                self._carry_out(line, body)
            return await fault.answer(request)
        try:
            return web.json_response(self._carry_out(line, body))
        except Refused as refused:
            return web.json_response(refused.body, status=refused.body["status"])

    def _carry_out(self, line: str, body: Any) -> dict[str, Any]:
        method, _, path = line.partition(" ")
        kind, _, rest = path.partition("/")
        thing, _, verb = rest.partition("/")
        if kind == "databases":
            return self._database(thing)
        if verb == "query":
            return self._query(self._source(thing), thing, body)
        if kind == "data_sources":
            return self._data_source(thing, body)
        if method == "POST":
            return self._create(body)
        return self._page(thing, body)

    def _database(self, database_id: str) -> dict[str, Any]:
        if database_id not in self.databases:
            raise Refused(404, "object_not_found", f"Could not find database with ID: {database_id}.")
        sources = [{"id": source, "name": source} for source in self.databases[database_id]]
        return {"object": "database", "id": database_id, "data_sources": sources}

    def _source(self, source_id: str) -> dict[str, Any]:
        if source_id not in self.sources:
            raise Refused(404, "object_not_found", f"Could not find data source with ID: {source_id}.")
        return self.sources[source_id]

    def _data_source(self, source_id: str, body: Any) -> dict[str, Any]:
        properties = self._source(source_id)
        for name, shape in (body or {}).get("properties", {}).items():
            self.add_column(source_id, name, next(iter(shape)))
        return {"object": "data_source", "id": source_id, "properties": properties}

    def _query(self, properties: dict[str, Any], source_id: str, body: Any) -> dict[str, Any]:
        condition = body.get("filter")
        if condition is None:
            raise Refused(400, "validation_error", "a query without a filter")
        if condition["property"] not in {p["id"] for p in properties.values()}:
            raise Refused(400, "validation_error", f"Could not find property with name or id: {condition['property']}")
        wanted = next(rule["equals"] for name, rule in condition.items() if name != "property")
        found = [
            page
            for page in self.pages.values()
            if page["parent"]["data_source_id"] == source_id
            and not page["in_trash"]
            and page["id"] not in self.hidden
            and any(c["id"] == condition["property"] and plain(c) == wanted for c in page["properties"].values())
        ]
        return {"object": "list", "results": found, "has_more": False, "next_cursor": None}

    def _create(self, body: Any) -> dict[str, Any]:
        source_id = body["parent"]["data_source_id"]
        page_id = f"11111111-0000-4000-8000-{len(self.pages):012}"
        empty = {
            name: {"id": p["id"], "type": p["type"], p["type"]: _EMPTY.get(p["type"])}
            for name, p in self._source(source_id).items()
        }
        page = {
            "object": "page",
            "id": page_id,
            "created_time": "2026-11-24T09:09:00.000Z",
            "created_by": BOT,
            "last_edited_by": BOT,
            "in_trash": False,
            "parent": {"type": "data_source_id", "data_source_id": source_id},
            "properties": empty,
        }
        self._write(page, body["properties"])
        self.pages[page_id] = page
        if self.lagging:
            self.hidden.add(page_id)
        return page

    def _page(self, page_id: str, body: Any) -> dict[str, Any]:
        if page_id not in self.pages:
            raise Refused(404, "object_not_found", f"Could not find page with ID: {page_id}.")
        page = self.pages[page_id]
        if body is None:
            return page
        if page["in_trash"] and not self.edits_trash:
            raise Refused(400, "validation_error", "Can't edit block that is archived.")
        page["in_trash"] = body.get("in_trash", page["in_trash"])
        self._write(page, body.get("properties", {}))
        return page

    def _write(self, page: dict[str, Any], cells: dict[str, Any]) -> None:
        properties = self._source(page["parent"]["data_source_id"])
        by_id = {p["id"]: p for p in properties.values()}
        for property_id, value in cells.items():
            if property_id not in by_id:
                raise Refused(400, "validation_error", f"{property_id} is not a property that exists.")
            kind = by_id[property_id]["type"]
            if kind not in value:
                raise Refused(400, "validation_error", f"{property_id} is expected to be {kind}.")
        for property_id, value in cells.items():
            name, kind = by_id[property_id]["name"], by_id[property_id]["type"]
            page["properties"][name] = {"id": property_id, "type": kind, kind: as_read(kind, value[kind])}


_EMPTY: dict[str, Any] = {"title": [], "rich_text": [], "checkbox": False}


class Refused(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.body = {"object": "error", "status": status, "code": code, "message": message, "request_id": "r"}


def as_read(kind: str, value: Any) -> Any:
    """Return a written value in the form in which Notion returns it."""
    if kind in ("title", "rich_text"):
        return [part | {"plain_text": part["text"]["content"]} for part in value]
    if kind == "date" and value:
        start = datetime.fromisoformat(value["start"]).isoformat(timespec="milliseconds")
        return {"start": start, "end": None, "time_zone": None}
    if kind == "select" and value:
        assert "," not in value["name"]
        return {"id": "s1", "color": "red", **value}
    return value


def plain(cell: dict[str, Any]) -> Any:
    value = cell[cell["type"]]
    if cell["type"] in ("title", "rich_text"):
        return "".join(part["plain_text"] for part in value)
    if cell["type"] == "select":
        return value and value["name"]
    return value and value["start"] if cell["type"] == "date" else value


@asynccontextmanager
async def fake_notion() -> AsyncIterator[FakeNotion]:
    notion = FakeNotion()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", notion.serve)
    server = TestServer(app)
    await server.start_server()
    notion.url = str(server.make_url("")).rstrip("/")
    try:
        yield notion
    finally:
        await server.close()
