"""
Lenient reading of values in webhooks and lists of providers, who cannot be asked to correct them: a value, or None.

Invisible characters are removed from texts, and long texts are cut; a value of a wrong type counts as absent.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from common.normalization.address import AddressError, repaired_address
from common.normalization.text import visible

WORDS_CHARACTERS_MAX = 200
TOKEN_CHARACTERS_MAX = 255
URL_CHARACTERS_MAX = 2000

_BOOLEANS = dict.fromkeys(("true", "yes", "oui", "on", "1"), True) | dict.fromkeys(
    ("false", "no", "non", "off", "0"), False
)


def words(value: Any, characters_max: int = WORDS_CHARACTERS_MAX) -> str | None:
    """Return a text for people, on one line."""
    if not isinstance(value, str):
        return None
    # Also cut before the cleaning, so that a very long text costs no more than its beginning.
    return visible(value[: characters_max * 4])[:characters_max].rstrip() or None


def token(value: Any) -> str | None:
    """Return an id or a slug: printable, without white space. Numbers are accepted."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63:
        return str(value)
    if not isinstance(value, str) or not 0 < len(value) <= TOKEN_CHARACTERS_MAX:
        return None
    return value if value.isprintable() and " " not in value else None


def address(value: Any) -> str | None:
    """Return the address, repaired by `repaired_address`."""
    try:
        return repaired_address(value) if isinstance(value, str) else None
    except AddressError:
        return None


def web_address(value: Any) -> str | None:
    """Return an `http` or `https` URL whose characters are all allowed in the link of a mail."""
    if not isinstance(value, str) or len(value) > URL_CHARACTERS_MAX:
        return None
    text = value.strip()
    if not text.isprintable() or any(character in ' <>"\\' for character in text):
        return None
    try:
        parts = urlsplit(text)
        return text if parts.scheme in ("http", "https") and parts.hostname else None
    except ValueError:
        return None


def boolean(value: Any) -> bool | None:
    """Return a truth value, which forms may send as a number or a word: `1`, `"true"`, `"Yes"`, `"oui"`, `"on"`."""
    return _BOOLEANS.get((words(str(value)) or "").casefold()) if isinstance(value, str | int) else None


def object_or_empty(value: Any) -> Any:
    return value if isinstance(value, dict) else {}
