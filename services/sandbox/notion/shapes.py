"""Notion's objects, member by member, as recorded from the real API (version 2025-09-03)."""

from __future__ import annotations

import re
from collections.abc import Container
from typing import Any

from common.clock import utc_datetime
from services.sandbox.ids import BOT_ID, PARENT_PAGE_ID, WORKSPACE_ID
from services.sandbox.notion.records import Column, Database, Option, Page, Source, encoded

SITE = "https://app.notion.com/p"
PLAIN_ANNOTATIONS = {
    "bold": False, "italic": False, "strikethrough": False, "underline": False, "code": False, "color": "default",
}  # fmt: skip


def page(page: Page, source: Source, only: Container[str] | None = None) -> dict[str, Any]:
    """Return a row. `only`: ids of the properties to include, from `filter_properties`; None: all."""
    shown = [column for column in source.columns if only is None or column.id in only or encoded(column.id) in only]
    return {
        "object": "page",
        "id": page.id,
        "created_time": _minute(page.created_ms),
        "last_edited_time": _minute(page.edited_ms),
        "created_by": _bot(),
        "last_edited_by": _bot(),
        "cover": None,
        "icon": None,
        "parent": {"type": "data_source_id", "data_source_id": source.id, "database_id": source.database_id},
        "in_trash": page.in_trash,
        "is_archived": page.in_trash,
        "is_locked": False,
        "properties": {column.name: cell(column, page) for column in shown},
        "url": _page_url(page, source),
        "public_url": None,
        "archived": page.in_trash,
    }


def cell(column: Column, page: Page) -> dict[str, Any]:
    return {"id": encoded(column.id), "type": column.type, column.type: _value(column, page)}


def database(database: Database, sources: list[Source]) -> dict[str, Any]:
    created = utc_datetime(database.created_ms).isoformat(timespec="milliseconds")
    return {
        "object": "database",
        "id": database.id,
        "title": rich_text(database.title),
        "description": [],
        "parent": {"type": "page_id", "page_id": PARENT_PAGE_ID},
        "is_inline": False,
        "in_trash": False,
        "is_locked": False,
        "created_time": created,
        "last_edited_time": created,
        "data_sources": [{"id": source.id, "name": source.title} for source in sources],
        "icon": None,
        "cover": None,
        "url": f"{SITE}/{_hex(database.id)}",
        "public_url": None,
        "archived": False,
    }


def data_source(source: Source) -> dict[str, Any]:
    return {
        "object": "data_source",
        "id": source.id,
        "cover": None,
        "icon": None,
        "created_time": _minute(source.created_ms),
        "created_by": _bot(),
        "last_edited_by": _bot(),
        "last_edited_time": _minute(source.edited_ms),
        "title": rich_text(source.title),
        "description": [],
        "is_inline": False,
        "properties": {column.name: _schema(column) for column in source.columns},
        "parent": {"type": "database_id", "database_id": source.database_id},
        "database_parent": {"type": "page_id", "page_id": PARENT_PAGE_ID},
        "url": f"{SITE}/{_hex(source.database_id)}",
        "public_url": None,
        "in_trash": False,
        "archived": False,
    }


def listing(results: list[dict[str, Any]], next_cursor: str | None, *, is_cut_off: bool) -> dict[str, Any]:
    """Return a page of a query. `is_cut_off`: the result ends here because of the maximum number of rows."""
    body: dict[str, Any] = {
        "object": "list",
        "results": results,
        "next_cursor": next_cursor,
        "has_more": next_cursor is not None,
        "type": "page_or_data_source",
        "page_or_data_source": {},
    }
    if is_cut_off:
        body["request_status"] = {"type": "incomplete", "incomplete_reason": "query_result_limit_reached"}
    return body


def bot_user() -> dict[str, Any]:
    return {
        **_bot(),
        "name": "Advent sandbox",
        "avatar_url": None,
        "type": "bot",
        "bot": {
            "owner": {"type": "workspace", "workspace": True},
            "workspace_id": WORKSPACE_ID,
            "workspace_name": "Sandbox",
            "workspace_limits": {"max_file_upload_size_in_bytes": 5_242_880},
        },
    }


def rich_text(content: str, link: str | None = None) -> list[dict[str, Any]]:
    return [
        {
            "type": "text",
            "text": {"content": content, "link": {"url": link} if link else None},
            "annotations": dict(PLAIN_ANNOTATIONS),
            "plain_text": content,
            "href": link,
        }
    ]


def plain(column: Column, page: Page) -> Any:
    """Return a cell's plain value: text, a number, an option's name, the start of a date."""
    value = _value(column, page)
    if column.type in ("title", "rich_text"):
        return "".join(piece["plain_text"] for piece in value)
    if column.type in ("select", "status"):
        return value and value["name"]
    if column.type == "multi_select":
        return [option["name"] for option in value]
    if column.type == "date":
        return value and value["start"]
    return value


def _value(column: Column, page: Page) -> Any:
    stored = page.values.get(column.id)
    if column.type in ("title", "rich_text"):
        return [piece for text in stored or [] for piece in rich_text(text["content"], text["link"])]
    if column.type in ("select", "status"):
        option = column.option(stored)
        return None if option is None else _option(option)
    if column.type == "multi_select":
        return [_option(option) for option_id in stored or [] if (option := column.option(option_id))]
    if column.type == "checkbox":
        return bool(stored)
    if column.type in ("created_time", "last_edited_time"):
        return _minute(page.created_ms if column.type == "created_time" else page.edited_ms)
    return stored


def _schema(column: Column) -> dict[str, Any]:
    config: dict[str, Any] = {}
    if column.type == "number":
        config = {"format": "number"}
    if column.type in ("select", "multi_select", "status"):
        config = {"options": [{**_option(option), "description": None} for option in column.options]}
    if column.type == "status":
        config["groups"] = [
            {"id": "todo", "name": "To-do", "color": "gray", "option_ids": [option.id for option in column.options]}
        ]
    return {
        "id": encoded(column.id),
        "name": column.name,
        "description": None,
        "type": column.type,
        column.type: config,
    }


def _option(option: Option) -> dict[str, str]:
    return {"id": option.id, "name": option.name, "color": option.color}


def _page_url(page: Page, source: Source) -> str:
    title = next((plain(column, page) for column in source.columns if column.type == "title"), "")
    slug = "-".join(re.findall(r"[A-Za-z0-9]+", title))
    return f"{SITE}/{slug}-{_hex(page.id)}" if slug else f"{SITE}/{_hex(page.id)}"


def _minute(ms: int) -> str:
    """Return a time without its seconds, as Notion does: these times cannot order two writes within a minute."""
    return f"{utc_datetime(ms):%Y-%m-%dT%H:%M}:00.000Z"


def _bot() -> dict[str, Any]:
    return {"object": "user", "id": BOT_ID}


def _hex(identifier: str) -> str:
    return identifier.replace("-", "")
