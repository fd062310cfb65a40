"""Reads requests and writes responses as Notion does."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from services.sandbox.ids import as_uuid, new_id
from services.sandbox.notion.errors import NotionProblem, misshapen
from services.sandbox.strict_json import parse_json


async def read_object(request: web.Request) -> dict[str, Any]:
    """Return the body, a JSON object; an empty body counts as {}. Raises NotionProblem (400) for any other body."""
    raw = await request.read()
    try:
        body = parse_json(raw) if raw else {}
    except (ValueError, RecursionError) as problem:
        raise NotionProblem(400, "invalid_json") from problem
    if not isinstance(body, dict):
        raise misshapen("body", "an object", body)
    return body


def path_id(source: web.Request | Any, name: str, where: str = "path") -> str:
    """Return an id of the request's path, or a given one, with dashes. Raises NotionProblem (400) if it is no UUID."""
    given = source.match_info[name] if isinstance(source, web.Request) else source
    known = as_uuid(given) if isinstance(given, str) else None
    if known is None:
        raise misshapen(f"{where}.{name}", "a valid uuid", given)
    return known


def only_properties(request: web.Request) -> list[str] | None:
    """Return every `filter_properties` of the query string, or None when there is none."""
    return request.query.getall("filter_properties", None)


def respond(body: dict[str, Any]) -> web.Response:
    return web.json_response({**body, "request_id": new_id()})
