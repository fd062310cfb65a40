"""Strict JSON (RFC 8259): a body has only one meaning, so that sender and gateway agree about what was signed."""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from typing import Any, NoReturn

from services.web.problem import Problem

DEPTH_MAX = 32


def read_object(body: bytes) -> dict[str, Any]:
    """
    Return the object in `body`. A byte order mark before it is skipped.

    Raises Problem: 400 for anything but JSON (not UTF-8, NaN, a repeated key, a decimal number beyond a double,
    nesting that exhausts the parser), 422 for JSON that is not an object.
    """
    try:
        value = _DECODER.decode(body.removeprefix(BOM_UTF8).decode())
    except UnicodeDecodeError:
        raise Problem(400, "the body is not UTF-8") from None
    except RecursionError:
        raise Problem(400, f"the body is nested deeper than {DEPTH_MAX} levels") from None
    except ValueError as error:
        raise Problem(400, f"the body is not JSON: {_reason(error)}") from None
    if not isinstance(value, dict):
        raise Problem(422, "the body must be a JSON object")
    return value


def read_shallow(body: bytes) -> dict[str, Any]:
    """Return the object in `body`, nested no deeper than DEPTH_MAX. Raises Problem as `read_object` does."""
    value = read_object(body)
    if depth_of(value) > DEPTH_MAX:
        raise Problem(400, f"the body is nested deeper than {DEPTH_MAX} levels")
    return value


def depth_of(value: object) -> int:
    """Return how deep arrays and objects are nested: 0 for a plain value."""
    depth, level = 0, [value]
    while level := [inner for outer in level for inner in _inside(outer)]:
        depth += 1
    return depth


def _inside(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values()) or [None]
    if isinstance(value, list):
        return value or [None]
    return []


def _reason(error: ValueError) -> str:
    # The decoder's message names a position and never quotes the body.
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at line {error.lineno}, column {error.colno}"
    return str(error) if isinstance(error, _NotStrict) else "a number has too many digits"


class _NotStrict(ValueError):
    """Input that Python's decoder accepts by default and this module refuses."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _NotStrict("an object has the same key twice")
    return members


def _no_constant(_name: str) -> NoReturn:
    raise _NotStrict("NaN and Infinity are not numbers")


def _finite(digits: str) -> float:
    number = float(digits)
    if number - number != 0:
        raise _NotStrict("a number is too large")
    return number


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite)
