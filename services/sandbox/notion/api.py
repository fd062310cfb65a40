"""Every URL of the imitated Notion, and its parts put together."""

from __future__ import annotations

from aiohttp import web

from services.sandbox.faults import fault_middleware
from services.sandbox.notion.door import admitting, answering, working
from services.sandbox.notion.errors import fault_answer
from services.sandbox.notion.pages import Pages
from services.sandbox.notion.tables import Tables
from services.sandbox.state import Sandbox


def notion_app(sandbox: Sandbox) -> web.Application:
    """The application to mount under `/notion/v1`."""
    faults = fault_middleware(sandbox.faults, "notion", fault_answer)
    app = web.Application(middlewares=[answering(sandbox), admitting(sandbox), faults, working])
    tables, pages = Tables(sandbox), Pages(sandbox)
    add = app.router.add_route
    add("GET", "/users/me", tables.me, name="users.me")
    add("GET", "/databases/{database_id}", tables.retrieve_database, name="databases.retrieve")
    add("POST", "/data_sources", tables.create, name="data_sources.create")
    add("GET", "/data_sources/{data_source_id}", tables.retrieve, name="data_sources.retrieve")
    add("PATCH", "/data_sources/{data_source_id}", tables.update, name="data_sources.update")
    add("POST", "/data_sources/{data_source_id}/query", tables.query, name="data_sources.query")
    add("POST", "/pages", pages.create, name="pages.create")
    add("GET", "/pages/{page_id}", pages.retrieve, name="pages.retrieve")
    add("PATCH", "/pages/{page_id}", pages.update, name="pages.update")
    return app
