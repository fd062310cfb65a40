"""The imitated Notion API: its routes, and its middleware for access, rate limit and errors."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from services.sandbox.faults import delay, fault_middleware
from services.sandbox.middleware import counting_middleware, error_middleware
from services.sandbox.notion.errors import NotionProblem, fault_response, invalid
from services.sandbox.notion.page_store import PageStore
from services.sandbox.notion.pages import Pages
from services.sandbox.notion.tables import Tables
from services.sandbox.state import Sandbox

VERSIONS = ("2025-09-03", "2026-03-11")


def notion_app(sandbox: Sandbox, store: PageStore) -> web.Application:
    """Return the application to mount under `/notion/v1`."""
    faults = fault_middleware(sandbox.faults, "notion", fault_response)
    errors = error_middleware(_known, NotionProblem(500, "internal_server_error"))
    app = web.Application(
        middlewares=[counting_middleware(sandbox.tally, "notion"), errors, admission_middleware(sandbox), faults, delay]
    )
    tables, pages = Tables(sandbox, store), Pages(sandbox, store)
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


def _known(error: Exception) -> NotionProblem | None:
    match error:
        case NotionProblem():
            return error
        case web.HTTPNotFound() | web.HTTPMethodNotAllowed():
            return NotionProblem(400, "invalid_request_url")
        case web.HTTPRequestEntityTooLarge():
            return NotionProblem(413, "validation_error", "Request body too large.")
    return None


def admission_middleware(sandbox: Sandbox) -> Middleware:
    @web.middleware
    async def admit(request: web.Request, handler: Handler) -> web.StreamResponse:
        token = _token(request, sandbox)
        _check_version(request)
        _count_request(sandbox, token)
        return await handler(request)

    return admit


def _token(request: web.Request, sandbox: Sandbox) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or token not in sandbox.dials.notion_tokens:
        raise NotionProblem(401, "unauthorized")
    return token


def _check_version(request: web.Request) -> None:
    version = request.headers.get("Notion-Version")
    header = "Notion-Version header failed validation: Notion-Version header should be"
    if not version:
        raise NotionProblem(400, "missing_version", f"{header} defined, instead was `undefined`.")
    if version not in VERSIONS:
        known = " or ".join(f'`"{name}"`' for name in VERSIONS)
        raise invalid(f'{header} {known}, instead was `"{version}"`.')


def _count_request(sandbox: Sandbox, token: str) -> None:
    limit = sandbox.dials.notion_requests_per_minute
    reading = sandbox.notion_windows.spend(token, limit=limit, now_ms=sandbox.clock.now_ms())
    if reading.is_over:
        reason = "public_api_request_rate_limit"
        raise NotionProblem(429, "rate_limited", retry_after=reading.reset_seconds, rate_limit_reason=reason)
