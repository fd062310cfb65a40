"""Parsing of JSON, as strict as the providers'."""

from __future__ import annotations

import json
from typing import Any, NoReturn


def parse_json(raw: bytes) -> Any:
    """Return the value of a JSON text. Raises ValueError if it is not JSON; NaN and Infinity are not."""
    return json.loads(raw.decode("utf-8"), parse_constant=_refuse)


def canonical(value: Any) -> str:
    """Return one text for all spellings of a JSON value: the order of keys and white space do not matter."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
