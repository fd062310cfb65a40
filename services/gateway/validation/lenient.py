"""
Reads the fields of providers' webhooks, whose senders cannot be asked to correct them: a valid value, or None.

Texts lose their control characters and are cut to a maximum length; a value of a wrong type counts as absent.
"""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BeforeValidator, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from services.gateway.validation import fields

TOKEN_CHARACTERS_MAX = 255
URL_CHARACTERS_MAX = 2000
_EARLIEST, _LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


def words(value: Any, characters_max: int = fields.NAME_CHARACTERS_MAX) -> str | None:
    """A text to be shown to people, on one line."""
    if not isinstance(value, str):
        return None
    # Cut before it is cleaned too, so that a very long text costs no more than its beginning.
    text = "".join(" " if _is_control(character) else character for character in value[: characters_max * 4])
    return " ".join(text.split())[:characters_max].rstrip() or None


def token(value: Any) -> str | None:
    """An id or a slug: printable, without white space; numbers are accepted."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63:
        return str(value)
    if not isinstance(value, str) or not 0 < len(value) <= TOKEN_CHARACTERS_MAX:
        return None
    return value if value.isprintable() and " " not in value else None


def timestamp_ms(value: Any) -> int | None:
    """UTC milliseconds of `2026-12-04T19:00:00Z`, `…+00:00` or `….000Z`. Without an offset it is UTC."""
    if not isinstance(value, str) or not 16 <= len(value) <= 40:
        return None
    try:
        moment = datetime.fromisoformat(value)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        is_plausible = _EARLIEST <= moment < _LATEST
    except (ValueError, OverflowError):
        return None
    return round(moment.timestamp() * 1000) if is_plausible else None


def address(value: Any) -> str | None:
    """An e-mail address, trimmed and lower-cased."""
    try:
        return fields.email(value)
    except PydanticCustomError:
        return None


def zone(value: Any) -> str | None:
    """An IANA time zone that this machine knows."""
    return value if isinstance(value, str) and value in fields.zones() else None


def web_address(value: Any) -> str | None:
    """An `http` or `https` URL of characters that a link in a mail can hold."""
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


def count(value: Any) -> int | None:
    """A whole number, 0 or more."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53 else None


def is_true(value: Any) -> bool:
    return value is True


def an_object(value: Any) -> Any:
    return value if isinstance(value, dict) else {}


def objects(value: Any) -> Any:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _is_control(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cs")


_TEXT = WithJsonSchema({"type": ["string", "null"]})

Words = Annotated[str | None, PlainValidator(words), _TEXT]
Reason = Annotated[str | None, PlainValidator(partial(words, characters_max=120)), _TEXT]
Token = Annotated[str | None, PlainValidator(token), WithJsonSchema({"type": ["string", "integer", "null"]})]
Timestamp = Annotated[
    int | None, PlainValidator(timestamp_ms), WithJsonSchema({"type": ["string", "null"], "format": "date-time"})
]
Address = Annotated[str | None, PlainValidator(address), _TEXT]
Zone = Annotated[str | None, PlainValidator(zone), _TEXT]
WebAddress = Annotated[str | None, PlainValidator(web_address), _TEXT]
Count = Annotated[int | None, PlainValidator(count), WithJsonSchema({"type": ["integer", "null"]})]
Truth = Annotated[bool, PlainValidator(is_true), WithJsonSchema({"type": ["boolean", "null"]})]
AnObject = BeforeValidator(an_object)
Objects = BeforeValidator(objects)
