"""Names of fields as forms write them: `firstName`, `First Name` and `first-name` mean `first_name`."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from common.normalization.text import reason_unusable, visible

FIELD_NAME_CHARACTERS_MAX = 40
_UNSAFE = re.compile(r"[^\w .-]")
_SEPARATORS = re.compile(r"[\s_\-.]+")


def field_key(name: str) -> str:
    """Return a name without case, spaces, dashes, dots and underscores: the same key for all spellings."""
    return _SEPARATORS.sub("", name).casefold()


def shown_name(name: str) -> str | None:
    """
    Return a received name in a form that may appear on a page or in a metric.

    None when it contains what must not appear there, such as an address.
    """
    cleaned = _UNSAFE.sub("_", visible(name))[:FIELD_NAME_CHARACTERS_MAX]
    return None if reason_unusable(name) or not cleaned.strip("_") else cleaned


def match_field_names(given: Mapping[str, Any], known: Collection[str]) -> tuple[dict[str, Any], dict[str, str]]:
    """
    Return the fields by their known names, and which names were read as which: `{"firstName": "first_name"}`.

    A field with the exact name wins. Of several similar names the first one with a value wins, and the others are
    dropped, because they mean the same field.
    """
    by_key = {field_key(name): name for name in known}
    exact = {name: value for name, value in given.items() if name in known and value is not None}
    result = {name: value for name, value in given.items() if name in known}
    read_as: dict[str, str] = {}
    for name, value, target in _near(given, known, by_key):
        read_as[name] = target
        if target not in exact and value is not None:
            exact[target] = result[target] = value
    result |= {name: value for name, value in given.items() if name not in known and name not in read_as}
    return result, read_as


def _near(
    given: Mapping[str, Any], known: Collection[str], by_key: Mapping[str, str]
) -> Iterator[tuple[str, Any, str]]:
    for name, value in given.items():
        target = by_key.get(field_key(name))
        if name not in known and target is not None:
            yield name, value, target
