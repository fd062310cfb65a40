"""JSON read as strictly as the providers read it."""

from __future__ import annotations

import json
from typing import Any, NoReturn


def parse_json(raw: bytes) -> Any:
    """The value of a JSON text. Raises ValueError for anything else; NaN and Infinity are not JSON."""
    return json.loads(raw.decode("utf-8"), parse_constant=_refuse)


def canonical(value: Any) -> str:
    """One text for every spelling of the same JSON value: the order of keys and white space do not matter."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
