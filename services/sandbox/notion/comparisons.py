"""
The conditions of a filter, by column type: `contains`, `on_or_before`, `is_empty`, …

Comparisons of text ignore case, as in Notion's own tables; those of numbers, options and dates are exact. An empty cell
equals no value, and is neither before nor after any date.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from common.clock import utc_datetime
from services.sandbox.notion.dates import span

Comparison = Callable[[Any, Any, int], bool]
"""(the cell's plain value, the filter's operand, now in ms) → whether the condition holds."""


def _is_empty(value: Any, operand: Any, now_ms: int) -> bool:
    return value in (None, "", [])


def _negated(comparison: Comparison) -> Comparison:
    return lambda value, operand, now_ms: not comparison(value, operand, now_ms)


def _folded(test: Callable[[str, str], bool]) -> Comparison:
    return lambda value, operand, now_ms: test((value or "").casefold(), operand.casefold())


def _number(test: Callable[[float, float], bool]) -> Comparison:
    return lambda value, operand, now_ms: value is not None and test(value, operand)


def _same(value: Any, operand: Any, now_ms: int) -> bool:
    return bool(value == operand)


def _has(value: Any, operand: Any, now_ms: int) -> bool:
    return operand in value


def _date(test: Callable[[datetime, datetime, datetime], bool]) -> Comparison:
    def compare(value: Any, operand: Any, now_ms: int) -> bool:
        if value is None:
            return False
        start, end = span(operand)
        # If the operand is a day, every time within it counts as that day.
        at = span(value)[0]
        return test(at, start, end)

    return compare


def _same_date(at: datetime, start: datetime, end: datetime) -> bool:
    return start <= at < end if end > start else at == start


def _within(days_from: int, days_to: int) -> Comparison:
    def compare(value: Any, operand: Any, now_ms: int) -> bool:
        if value is None:
            return False
        now = utc_datetime(now_ms)
        return now + timedelta(days=days_from) <= span(value)[0] <= now + timedelta(days=days_to)

    return compare


def _this_week(value: Any, operand: Any, now_ms: int) -> bool:
    if value is None:
        return False
    today = utc_datetime(now_ms).date()
    monday = today - timedelta(days=today.weekday())
    return monday <= span(value)[0].date() < monday + timedelta(days=7)


_EMPTY: dict[str, Comparison] = {"is_empty": _is_empty, "is_not_empty": _negated(_is_empty)}
_EQUALS = _folded(lambda value, operand: value == operand)
_CONTAINS = _folded(lambda value, operand: operand in value)

TEXT: dict[str, Comparison] = {
    **_EMPTY,
    "equals": _EQUALS,
    "does_not_equal": _negated(_EQUALS),
    "contains": _CONTAINS,
    "does_not_contain": _negated(_CONTAINS),
    "starts_with": _folded(str.startswith),
    "ends_with": _folded(str.endswith),
}

NUMBER: dict[str, Comparison] = {
    **_EMPTY,
    "equals": _same,
    "does_not_equal": _negated(_same),
    "greater_than": _number(lambda value, operand: value > operand),
    "less_than": _number(lambda value, operand: value < operand),
    "greater_than_or_equal_to": _number(lambda value, operand: value >= operand),
    "less_than_or_equal_to": _number(lambda value, operand: value <= operand),
}

CHOICE: dict[str, Comparison] = {**_EMPTY, "equals": _same, "does_not_equal": _negated(_same)}

DATE: dict[str, Comparison] = {
    **_EMPTY,
    "equals": _date(_same_date),
    "before": _date(lambda at, start, end: at < start),
    "after": _date(lambda at, start, end: at >= end if end > start else at > start),
    "on_or_before": _date(lambda at, start, end: at < end if end > start else at <= start),
    "on_or_after": _date(lambda at, start, end: at >= start),
    "past_week": _within(-7, 0),
    "past_month": _within(-30, 0),
    "past_year": _within(-365, 0),
    "next_week": _within(0, 7),
    "next_month": _within(0, 30),
    "next_year": _within(0, 365),
    "this_week": _this_week,
}

COMPARISONS: dict[str, dict[str, Comparison]] = {
    "title": TEXT,
    "rich_text": TEXT,
    "email": TEXT,
    "phone_number": TEXT,
    "url": TEXT,
    "number": NUMBER,
    "checkbox": {"equals": _same, "does_not_equal": _negated(_same)},
    "select": CHOICE,
    "status": CHOICE,
    "multi_select": {**_EMPTY, "contains": _has, "does_not_contain": _negated(_has)},
    "date": DATE,
    "created_time": DATE,
    "last_edited_time": DATE,
}

FILTER_TYPES = frozenset(COMPARISONS)
