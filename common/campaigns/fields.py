"""The fields of a signup: reads their values, and describes them to callers of the endpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from common.campaigns.compiled import Field
from common.campaigns.wording import clean
from common.normalization.numbers import read_number

TEXT_CHARACTERS_MAX = 500
SCORES_MAX = 40

_BOOLEANS = {"true": True, "false": False}


def usable(field: Field, value: object) -> object | None:
    """Return `value` in the form that this field needs; None when it cannot be used."""
    return _READERS[field.type](field, value)


def expected(field: Field) -> str:
    """Return in words what the field accepts, such as `a whole number from 0 to 8`."""
    if field.type == "choice":
        return f"one of {', '.join(field.choices)}"
    return _EXPECTED[field.type] + _bounds(field)


def json_schema(fields: Sequence[Field]) -> dict[str, Any]:
    """Return the fields as a JSON Schema object, for the description of the endpoint."""
    return {
        "type": "object",
        "properties": {field.name: _property(field) for field in fields},
        "required": [field.name for field in fields if field.required],
    }


def _text(field: Field, value: object) -> str | None:
    text = clean(value) if isinstance(value, str) else ""
    return text if 0 < len(text) <= TEXT_CHARACTERS_MAX else None


def _number(field: Field, value: object) -> int | float | None:
    number = read_number(value)
    if number is None:
        return None
    low, high = field.minimum, field.maximum
    return number if (low is None or number >= low) and (high is None or number <= high) else None


def _integer(field: Field, value: object) -> int | None:
    number = _number(field, value)
    return int(number) if number is not None and number == int(number) else None


def _boolean(field: Field, value: object) -> bool | None:
    return value if isinstance(value, bool) else _BOOLEANS.get(str(value).strip().lower())


def _choice(field: Field, value: object) -> str | None:
    return value if isinstance(value, str) and value in field.choices else None


def _scores(field: Field, value: object) -> Mapping[str, int | float] | None:
    """Return all scores, or None if one is unusable: with some missing, the wrong systems would look the lowest."""
    if not isinstance(value, Mapping) or not 0 < len(value) <= SCORES_MAX:
        return None
    scores = {clean(str(name)): _number(field, score) for name, score in value.items()}
    found = {name: score for name, score in scores.items() if name and score is not None}
    return found if len(found) == len(value) else None


_READERS: Mapping[str, Callable[[Field, object], object | None]] = {
    "text": _text,
    "integer": _integer,
    "number": _number,
    "money": _number,
    "boolean": _boolean,
    "choice": _choice,
    "scores": _scores,
}
COLUMN_KINDS: Mapping[str, str] = {
    "text": "rich_text",
    "integer": "number",
    "number": "number",
    "money": "number",
    "boolean": "checkbox",
    "choice": "select",
}
"""The type of Notion's column for each type of field; scores have no column."""

_EXPECTED = {
    "text": f"a text of at most {TEXT_CHARACTERS_MAX} characters",
    "integer": "a whole number",
    "number": "a number",
    "money": "an amount",
    "boolean": "true or false",
    "scores": "an object of names and numbers",
}
_SCHEMAS: Mapping[str, Mapping[str, Any]] = {
    "text": {"type": ["string", "null"], "maxLength": TEXT_CHARACTERS_MAX},
    "integer": {"type": ["integer", "null"]},
    "number": {"type": ["number", "null"]},
    "money": {"type": ["number", "null"]},
    "boolean": {"type": ["boolean", "null"]},
    "choice": {"type": ["string", "null"]},
    "scores": {"type": ["object", "null"], "additionalProperties": {"type": "number"}},
}


def _bounds(field: Field) -> str:
    if field.minimum is not None and field.maximum is not None:
        return f" from {field.minimum:,} to {field.maximum:,}"
    if field.minimum is not None:
        return f" of at least {field.minimum:,}"
    return f" of at most {field.maximum:,}" if field.maximum is not None else ""


def _property(field: Field) -> dict[str, Any]:
    schema: dict[str, Any] = dict(_SCHEMAS[field.type])
    bounds = {"minimum": field.minimum, "maximum": field.maximum}
    bounds = {name: bound for name, bound in bounds.items() if bound is not None}
    if field.type == "scores":
        schema["additionalProperties"] = {**schema["additionalProperties"], **bounds}
    else:
        schema.update(bounds)
    if field.choices:
        schema["enum"] = [*field.choices, None]
    schema.update({"default": field.default} if field.default is not None else {})
    schema.update({"examples": [field.example]} if field.example is not None else {})
    return schema
