"""
Property values: read from a request and checked as Notion checks them.

Text is stored as a list of `{"content", "link"}`, an option as its id, several options as a list of ids, a date as
Notion returns it, and any other value unchanged. None or an empty list is an empty cell.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from services.sandbox.notion.columns import TYPES, check_option_name, with_option
from services.sandbox.notion.dates import read_date
from services.sandbox.notion.errors import UNDEFINED, invalid, misshapen
from services.sandbox.notion.records import Column, Source

TEXT_MAX = 2_000
RICH_TEXTS_MAX = 100
EMAIL_MAX = 200
PHONE_MAX = 200
URL_MAX = 2_000
CHOICES_MAX = 100
COMPUTED = ("created_time", "last_edited_time")


def read_properties(source: Source, given: Any, *, to_the_minute: bool = False) -> tuple[Source, dict[str, Any]]:
    """
    Return the data source with the select options that this write creates, and the values to store by column id.

    Raises a `NotionProblem`. One message names several invalid columns, as in Notion.
    """
    if not isinstance(given, dict):
        raise misshapen("body.properties", "an object" if given is not UNDEFINED else "defined", given)
    _check_columns(source, given)
    values: dict[str, Any] = {}
    for key, body in given.items():
        column = source.column(key)
        assert column is not None
        changed, values[column.id] = _read(
            column, body[column.type], f"body.properties.{key}.{column.type}", to_the_minute
        )
        if changed != column:
            source = source.with_column(changed)
    return source, values


def _check_columns(source: Source, given: dict[str, Any]) -> None:
    problems = []
    for key, body in given.items():
        if not isinstance(body, dict):
            raise misshapen(f"body.properties.{key}", "an object", body)
        column = source.column(key)
        if column is None:
            problems.append(f"{key} is not a property that exists.")
        elif column.type in COMPUTED:
            problems.append(f"{key} is a computed property and cannot be written.")
        elif column.type not in body:
            if not any(kind in body for kind in TYPES):
                raise misshapen(f"body.properties.{key}.{column.type}", "defined", UNDEFINED)
            problems.append(f"{key} is expected to be {column.type}.")
    if problems:
        raise invalid(" ".join(problems))


def _read(column: Column, value: Any, path: str, to_the_minute: bool) -> tuple[Column, Any]:
    if column.type in ("select", "status"):
        return _choice(column, value, path)
    if column.type == "multi_select":
        return _choices(column, value, path)
    if column.type == "date":
        return column, read_date(value, path, to_the_minute=to_the_minute)
    return column, _PLAIN[column.type](value, path)


def _rich_text(value: Any, path: str) -> list[dict[str, Any]]:
    if not isinstance(value, list):
        raise misshapen(path, "an array", value)
    if len(value) > RICH_TEXTS_MAX:
        raise misshapen(f"{path}.length", f"≤ `{RICH_TEXTS_MAX}`", len(value))
    pieces = (_piece(piece, f"{path}[{index}]") for index, piece in enumerate(value))
    return [piece for piece in pieces if piece["content"]]


def _piece(piece: Any, path: str) -> dict[str, Any]:
    text = piece.get("text", UNDEFINED) if isinstance(piece, dict) else UNDEFINED
    if not isinstance(text, dict):
        raise misshapen(f"{path}.text", "defined" if text is UNDEFINED else "an object", text)
    content = _text("content", text, f"{path}.text")
    link = text.get("link")
    if isinstance(link, dict):
        _limited(link.get("url"), f"{path}.text.link.url", URL_MAX)
    return {"content": content, "link": link["url"] if isinstance(link, dict) else None}


def _text(key: str, holder: dict[str, Any], path: str) -> str:
    value = holder.get(key, UNDEFINED)
    if not isinstance(value, str):
        raise misshapen(f"{path}.{key}", "defined" if value is UNDEFINED else "a string", value)
    _limited(value, f"{path}.{key}", TEXT_MAX)
    return value


def _string(maximum: int) -> Callable[[Any, str], str | None]:
    def read(value: Any, path: str) -> str | None:
        if value is not None and not isinstance(value, str):
            raise misshapen(path, "a string or `null`", value)
        if value is not None:
            _limited(value, path, maximum)
        return value

    return read


def _limited(value: Any, path: str, maximum: int) -> None:
    if not isinstance(value, str):
        raise misshapen(path, "a string", value)
    # Notion's limits count UTF-16 code units, as JavaScript does: an emoji is two.
    length = len(value.encode("utf-16-le", "surrogatepass")) // 2
    if length > maximum:
        raise misshapen(f"{path}.length", f"≤ `{maximum}`", length)


def _number(value: Any, path: str) -> float | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise misshapen(path, "a number or `null`", value)
    return value


def _checkbox(value: Any, path: str) -> bool:
    if not isinstance(value, bool):
        raise misshapen(path, "a boolean", value)
    return value


def _choice(column: Column, value: Any, path: str) -> tuple[Column, str | None]:
    if value is None:
        return column, None
    if not isinstance(value, dict):
        raise misshapen(path, "an object or `null`", value)
    if "id" in value:
        option = column.option(value["id"])
        if option is None:
            raise invalid(f"{column.name} has no option with ID {value['id']}.")
        return column, option.id
    name = value.get("name", UNDEFINED)
    if column.type == "status" and isinstance(name, str) and column.option_named(name) is None:
        raise invalid(f'Invalid status option. Status option "{name}" does not exist".')
    column = _with_choice(column, check_option_name(name, f"{path}.name"))
    option = column.option_named(name)
    assert option is not None
    return column, option.id


def _choices(column: Column, value: Any, path: str) -> tuple[Column, list[str]]:
    if not isinstance(value, list):
        raise misshapen(path, "an array", value)
    if len(value) > CHOICES_MAX:
        raise misshapen(f"{path}.length", f"≤ `{CHOICES_MAX}`", len(value))
    chosen: list[str] = []
    for index, entry in enumerate(value):
        column, option_id = _choice(column, entry if entry is not None else UNDEFINED, f"{path}[{index}]")
        assert option_id is not None
        chosen.append(option_id)
    return column, chosen


def _with_choice(column: Column, name: str) -> Column:
    """Return the column with this option. Notion creates an unknown select option, but not a status option."""
    return column if column.option_named(name) else with_option(column, name)


_PLAIN: dict[str, Callable[[Any, str], Any]] = {
    "title": _rich_text,
    "rich_text": _rich_text,
    "number": _number,
    "checkbox": _checkbox,
    "email": _string(EMAIL_MAX),
    "phone_number": _string(PHONE_MAX),
    "url": _string(URL_MAX),
}
