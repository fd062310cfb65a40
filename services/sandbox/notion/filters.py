"""Compiles a query's filter into a predicate on rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from services.sandbox.notion.comparisons import COMPARISONS, FILTER_TYPES
from services.sandbox.notion.dates import is_date
from services.sandbox.notion.errors import UNDEFINED, invalid, misshapen
from services.sandbox.notion.records import Column, Page, Source
from services.sandbox.notion.shapes import plain

Predicate = Callable[[Page], bool]

NESTING_MAX = 2
TIMESTAMPS = ("created_time", "last_edited_time")


def compile_filter(source: Source, given: Any, now_ms: int, path: str = "body.filter", depth: int = 0) -> Predicate:
    """Return a predicate for rows that match the filter. Raises `NotionProblem` if Notion would reject the filter."""
    if not isinstance(given, dict):
        raise misshapen(path, "an object", given)
    for word, decide in (("and", all), ("or", any)):
        if word in given:
            return _compound(source, given[word], now_ms, f"{path}.{word}", depth, decide)
    if "timestamp" in given:
        return _timestamp_condition(given, now_ms, path)
    if "property" not in given:
        raise misshapen(f"{path}.property", "defined", UNDEFINED)
    column = source.column(str(given["property"]))
    if column is None:
        raise invalid(f"Could not find property with name or id: {given['property']}")
    return _property_condition(column, given, now_ms, path)


def _compound(
    source: Source, parts: Any, now_ms: int, path: str, depth: int, decide: Callable[[list[bool]], bool]
) -> Predicate:
    if not isinstance(parts, list):
        raise misshapen(path, "an array", parts)
    if depth >= NESTING_MAX:
        raise misshapen(path, "not present", parts)
    predicates = [
        compile_filter(source, part, now_ms, f"{path}[{index}]", depth + 1) for index, part in enumerate(parts)
    ]
    return lambda page: decide([predicate(page) for predicate in predicates])


def _property_condition(column: Column, given: dict[str, Any], now_ms: int, path: str) -> Predicate:
    kind = next((key for key in given if key in FILTER_TYPES), None)
    if kind is None:
        raise misshapen(f"{path}.{column.type}", "defined", UNDEFINED)
    if kind != column.type:
        raise invalid(
            "The property type in the database does not match the property type of the filter provided: "
            f"database property {column.type} does not match filter {kind}"
        )
    holds = _condition(kind, given[kind], now_ms, f"{path}.{kind}")
    return lambda page: holds(plain(column, page))


def _timestamp_condition(given: dict[str, Any], now_ms: int, path: str) -> Predicate:
    name = given["timestamp"]
    if name not in TIMESTAMPS:
        raise misshapen(f"{path}.timestamp", '`"created_time"` or `"last_edited_time"`', name)
    holds = _condition("date", given.get(name, UNDEFINED), now_ms, f"{path}.{name}")
    column = Column(name, name, name)
    return lambda page: holds(plain(column, page))


def _condition(kind: str, given: Any, now_ms: int, path: str) -> Callable[[Any], bool]:
    if not isinstance(given, dict) or not given:
        raise misshapen(path, "defined" if given is UNDEFINED else "an object", given)
    known = COMPARISONS[kind]
    parts: list[tuple[Callable[[Any, Any, int], bool], Any]] = []
    for word, operand in given.items():
        if word not in known:
            raise misshapen(f"{path}.{word}", "not present", operand)
        _check_operand(kind, word, operand, f"{path}.{word}")
        parts.append((known[word], operand))
    return lambda value: all(compare(value, operand, now_ms) for compare, operand in parts)


def _check_operand(kind: str, word: str, operand: Any, path: str) -> None:
    if word in ("is_empty", "is_not_empty"):
        if operand is not True:
            raise misshapen(path, "`true`", operand)
    elif kind == "number":
        if isinstance(operand, bool) or not isinstance(operand, int | float):
            raise misshapen(path, "a number", operand)
    elif kind == "checkbox":
        if not isinstance(operand, bool):
            raise misshapen(path, "a boolean", operand)
    elif kind in ("date", *TIMESTAMPS):
        if operand != {} and not is_date(operand):
            raise misshapen(path, "a valid ISO 8601 date string", operand)
    elif not isinstance(operand, str):
        raise misshapen(path, "a string", operand)
