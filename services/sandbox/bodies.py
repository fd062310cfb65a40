"""Reading JSON as strictly as the providers do."""

from __future__ import annotations

import json
from typing import Any, NoReturn


def parse_json(raw: bytes) -> Any:
    """The value of a JSON text. Raises ValueError for anything else; NaN and Infinity are not JSON."""
    return json.loads(raw.decode("utf-8"), parse_constant=_refuse)


def canonical(value: Any) -> str:
    """One text for all spellings of the same JSON value: order of keys and white space do not count."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
