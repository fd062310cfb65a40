"""Removes personal data and secrets from log lines: by the name of the field, and by what the text looks like."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from typing import Any

MASK = "[masked]"

_PRIVATE = (
    "address authorization api_key body booking_url business_name cookie email first_name from headers html last_name"
    " name password payload phone recipient recipients secret secret_key sender signature subject text to token"
)
PRIVATE_KEYS = frozenset(_PRIVATE.split())

# `%40` is the @ of an address in a URL.
# One attempt for each run of characters, and none is read twice: a long line must not take a time that grows with its
# square.
_ADDRESS = re.compile(
    r"(?<![\w.!#$&'*+/=?^`{|}~-])[\w.!#$&'*+/=?^`{|}~-]++(?:@|%40)[\w-]++(?:\.[\w-]++)+", re.IGNORECASE
)
_SECRET = re.compile(
    r"""
    whsec_[A-Za-z0-9+/=_-]+                       # a webhook secret
    | \bre_[A-Za-z0-9]{8,}[A-Za-z0-9_]*           # a Resend key
    | \b(?:secret|ntn)_[A-Za-z0-9]{20,}           # a Notion token
    | (?<=Bearer\s)[^\s'"]+
    | (?<=://)[^/@\s:]*:[^/@\s]*(?=@)             # user and password of a URL
    | (?<=/unsubscribe/)[^\s'"?]+                 # the link itself is enough to unsubscribe
    """,
    re.VERBOSE,
)


def mask_event(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor; comes after the traceback was formatted, which may hold addresses."""
    for key, value in event.items():
        event[key] = MASK if key.lower() in PRIVATE_KEYS and value is not None else masked(value)
    return event


def masked(value: Any) -> Any:
    """`value` with everything masked that looks like an address or a secret, also inside lists and dicts."""
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, dict):
        return {
            key if not isinstance(key, str) else mask_text(key): MASK
            if str(key).lower() in PRIVATE_KEYS
            else masked(item)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple, set, frozenset)):
        return [masked(item) for item in value]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return mask_text(repr(value)) if isinstance(value, BaseException) else mask_text(str(value))


def mask_text(text: str) -> str:
    return _SECRET.sub(MASK, _ADDRESS.sub("[address]", text) if "@" in text or "%40" in text else text)
