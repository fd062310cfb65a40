"""Creates and changes columns, as PATCH /data_sources/{id} does."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

from services.sandbox.notion.errors import UNDEFINED, invalid, misshapen
from services.sandbox.notion.records import COLORS, Column, Option, Source

TYPES = (
    "title", "rich_text", "number", "select", "multi_select", "status", "date", "checkbox", "email", "phone_number",
    "url", "created_time", "last_edited_time",
)  # fmt: skip
WITH_OPTIONS = ("select", "multi_select", "status")
OPTION_NAME_MAX = 100

# A column's id is four of these characters. Notion's ids contain them too, so clients must URL-encode ids.
_ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789;=|<>?@\\]^_{}~:`["


def make_column(source_id: str, name: str, kind: str, options: tuple[tuple[str, str], ...] = ()) -> Column:
    """Create a column whose id is derived from its data source and name. `options`: (name, colour)."""
    column = Column("title" if kind == "title" else _short_id(f"{source_id}/{name}"), name, kind)
    for option_name, color in options:
        column = with_option(column, option_name, color)
    return column


def with_option(column: Column, name: str, color: str | None = None) -> Column:
    """Return the column with one more option. Its colour is derived from its name, unless one is given."""
    chosen = color or COLORS[1 + hashlib.sha256(name.encode()).digest()[0] % (len(COLORS) - 1)]
    option = Option(_short_id(f"{column.id}/{name}"), name, chosen)
    return replace(column, options=(*column.options, option))


def changed_source(source: Source, changes: Any) -> Source:
    """Return the data source after property changes: null removes, `name` renames, a type creates or changes."""
    if not isinstance(changes, dict):
        raise misshapen("body.properties", "an object", changes)
    for key, change in changes.items():
        column = source.column(key)
        if change is None:
            source = _without(source, key, column)
        elif not isinstance(change, dict):
            raise misshapen(f"body.properties.{key}", "an object or `null`", change)
        else:
            source = source.with_column(_changed(source, key, column, change))
    return source


def _without(source: Source, key: str, column: Column | None) -> Source:
    if column is None:
        raise invalid(f"Could not find property with name or id: {key}")
    if column.type == "title":
        raise invalid("Cannot delete the title property.")
    return replace(source, columns=tuple(other for other in source.columns if other.id != column.id))


def _changed(source: Source, key: str, column: Column | None, change: dict[str, Any]) -> Column:
    kind = asked_type(change, f"body.properties.{key}")
    if column is None:
        if kind is None:
            raise misshapen(f"body.properties.{key}.type", "defined", UNDEFINED)
        if kind == "title":
            raise invalid("Cannot create a second title property.")
        column = make_column(source.id, key, kind)
        if any(other.id == column.id for other in source.columns):
            column = replace(column, id=_short_id(f"{source.id}/{key}/{len(source.columns)}"))
    elif kind is not None and kind != column.type:
        column = Column(column.id, column.name, kind)
    if kind in WITH_OPTIONS:
        column = _with_asked_options(column, change[kind], f"body.properties.{key}.{kind}")
    return _renamed(source, column, change.get("name"))


def asked_type(change: dict[str, Any], path: str) -> str | None:
    """
    Return the type in a property schema, or None.

    Raises NotionProblem for a type that the API cannot create, such as `status`.
    """
    named = [key for key in change if key not in ("id", "name", "type", "description")]
    if not named:
        return None
    if named[0] not in TYPES:
        raise misshapen(f"{path}.{named[0]}", "not present", change[named[0]])
    if named[0] == "status":
        raise invalid("Creating or updating a status property is not supported via the API.")
    return named[0]


def _with_asked_options(column: Column, config: Any, path: str) -> Column:
    asked = config.get("options", []) if isinstance(config, dict) else []
    changed = replace(column, options=())
    for index, option in enumerate(asked):
        known = column.option(option.get("id")) or column.option_named(option.get("name", ""))
        if known is not None:
            changed = replace(changed, options=(*changed.options, known))
            continue
        name = check_option_name(option.get("name", UNDEFINED), f"{path}.options[{index}].name")
        changed = with_option(changed, name, option.get("color"))
    return changed if asked else column


def check_option_name(name: Any, path: str) -> str:
    if not isinstance(name, str):
        raise misshapen(path, "a string", name)
    if len(name) > OPTION_NAME_MAX:
        raise misshapen(f"{path}.length", f"≤ `{OPTION_NAME_MAX}`", len(name))
    if not name:
        raise misshapen(f"{path}.length", "≥ `1`", 0)
    if "," in name:
        raise invalid(f"Invalid select option, commas not allowed: {name}")
    return name


def _renamed(source: Source, column: Column, name: Any) -> Column:
    if not isinstance(name, str) or name == column.name:
        return column
    if any(other.name == name and other.id != column.id for other in source.columns):
        raise invalid(f"A property named {name} already exists.")
    return replace(column, name=name)


def _short_id(seed: str) -> str:
    digest = hashlib.sha256(seed.encode()).digest()
    return "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in digest[:4])
