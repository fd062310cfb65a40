"""POST /data_sources/{id}/query: filters and sorts rows, and returns one page at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from services.sandbox.ids import as_uuid
from services.sandbox.notion.errors import invalid, misshapen
from services.sandbox.notion.filters import compile_filter
from services.sandbox.notion.records import Column, Page, Source
from services.sandbox.notion.shapes import plain

PAGE_SIZE_MAX = 100
KNOWN_KEYS = frozenset(
    {"sorts", "filter", "start_cursor", "page_size", "archived", "in_trash", "result_type", "is_archived"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Found:
    """One page of the result. `is_cut_off`: the result ends here because of the maximum number of rows."""

    pages: list[Page]
    next_cursor: str | None
    is_cut_off: bool


def check_query(body: dict[str, Any]) -> None:
    for key in body:
        if key not in KNOWN_KEYS:
            raise misshapen(f"body.{key}", "not present", body[key])
    size = body.get("page_size", PAGE_SIZE_MAX)
    if isinstance(size, bool) or not isinstance(size, int | float):
        raise misshapen("body.page_size", "a number", size)
    if size > PAGE_SIZE_MAX:
        raise misshapen("body.page_size", f"≤ `{PAGE_SIZE_MAX}`", size)
    if size < 1:
        raise misshapen("body.page_size", "≥ `1`", size)
    cursor = body.get("start_cursor")
    if cursor is not None and (not isinstance(cursor, str) or as_uuid(cursor) is None):
        raise misshapen("body.start_cursor", "a valid uuid or `undefined`", cursor)


def find(source: Source, rows: list[Page], body: dict[str, Any], *, now_ms: int, rows_max: int) -> Found:
    """Return the result of a checked query. `rows` are newest first, which is the order without a sort."""
    wants_trash = bool(body.get("in_trash") or body.get("archived"))
    matches = compile_filter(source, body["filter"], now_ms) if body.get("filter") else None
    matching = [page for page in rows if page.in_trash == wants_trash and (matches is None or matches(page))]
    for column, is_descending in reversed(_sorts(source, body.get("sorts"))):
        matching = _sorted(matching, column, is_descending)
    return _one_page(matching, body, rows_max)


def _one_page(matching: list[Page], body: dict[str, Any], rows_max: int) -> Found:
    start = _start(matching, body.get("start_cursor"))
    end = min(start + int(body.get("page_size", PAGE_SIZE_MAX)), rows_max)
    has_more = end < min(len(matching), rows_max)
    is_cut_off = not has_more and len(matching) > rows_max
    return Found(matching[start:end], matching[end].id if has_more else None, is_cut_off)


def _start(matching: list[Page], cursor: str | None) -> int:
    if cursor is None:
        return 0
    wanted = as_uuid(cursor)
    for place, page in enumerate(matching):
        if page.id == wanted:
            return place
    raise invalid(f"The start_cursor provided is invalid: {cursor}")


def _sorts(source: Source, given: Any) -> list[tuple[Column, bool]]:
    if given is None:
        return []
    if not isinstance(given, list):
        raise misshapen("body.sorts", "an array", given)
    return [_sort(source, sort, f"body.sorts[{index}]") for index, sort in enumerate(given)]


def _sort(source: Source, given: Any, path: str) -> tuple[Column, bool]:
    if not isinstance(given, dict):
        raise misshapen(path, "an object", given)
    direction = given.get("direction", "ascending")
    if direction not in ("ascending", "descending"):
        raise misshapen(f"{path}.direction", '`"ascending"` or `"descending"`', direction)
    if given.get("timestamp") in ("created_time", "last_edited_time"):
        return Column(given["timestamp"], given["timestamp"], given["timestamp"]), direction == "descending"
    column = source.column(str(given.get("property")))
    if column is None:
        raise invalid(f"Could not find property with name or id: {given.get('property')}")
    return column, direction == "descending"


def _sorted(pages: list[Page], column: Column, is_descending: bool) -> list[Page]:
    """Sort stably. Empty cells come last in either direction."""
    key = _key(column)
    filled = [page for page in pages if plain(column, page) not in (None, "", [])]
    empty = [page for page in pages if plain(column, page) in (None, "", [])]
    return sorted(filled, key=key, reverse=is_descending) + empty


def _key(column: Column) -> Callable[[Page], Any]:
    if column.type == "created_time":
        return lambda page: (page.created_ms, page.seq)
    if column.type == "last_edited_time":
        return lambda page: (page.edited_ms, page.seq)
    if column.type in ("select", "status"):
        places = {option.name: place for place, option in enumerate(column.options)}
        return lambda page: places[plain(column, page)]
    if column.type in ("title", "rich_text", "email", "phone_number", "url"):
        return lambda page: str(plain(column, page)).casefold()
    return lambda page: plain(column, page)
