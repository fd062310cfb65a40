"""
The rules for each kind of field of a signup; every message says what would be valid.

Types are strict: `"72"` and `true` are not numbers. Texts are trimmed, and each run of white space, line breaks
included, becomes one space, because texts go into subjects and headers.
"""

from __future__ import annotations

import re
import unicodedata
import zoneinfo
from functools import cache
from typing import Annotated, Any

from pydantic import PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from common.campaigns import wording
from common.domain.contact import Number

EMAIL_CHARACTERS_MAX = 200  # Notion's limit for an e-mail property; RFC 5321 would allow 254.
TEXT_CHARACTERS_MAX = 500
NAME_CHARACTERS_MAX = 200
SYSTEMS = 8
DOLLARS_MAX = 1_000_000_000_000

_ATOM = r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_EMAIL = re.compile(rf"(?=[^@]{{1,64}}@){_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+(?!\d+$){_LABEL}")
_LOCALE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,4}")


def invalid(message: str) -> PydanticCustomError:
    """The error of a field."""
    # Passed as a parameter, because a brace in the template would be read as a placeholder.
    return PydanticCustomError("field", "{message}", {"message": message})


def email(value: Any) -> str:
    """
    An ASCII address, trimmed and lower-cased.

    An internationalized domain must be in its `xn--` form: mail servers receive that form, and two spellings of one
    address would be two contacts.
    """
    address = _string(value).strip()
    if not address.isascii():
        raise invalid("must be an e-mail address in ASCII (write an international domain in its xn-- form)")
    # Lower-cased only now: some characters outside ASCII have a lower case inside it.
    address = address.lower()
    if len(address) > EMAIL_CHARACTERS_MAX:
        raise invalid(f"must have at most {EMAIL_CHARACTERS_MAX} characters")
    if _EMAIL.fullmatch(address) is None:
        raise invalid("must be an e-mail address such as ada@example.com")
    return address


def name(value: Any) -> str:
    """A text with at least one visible character."""
    text = _normalized(value, NAME_CHARACTERS_MAX)
    if not _is_visible(text):
        raise invalid("must not be empty")
    return text


def text(value: Any) -> str | None:
    """Any text; None when it shows nothing."""
    normalized = _normalized(value, TEXT_CHARACTERS_MAX)
    return normalized if _is_visible(normalized) else None


def score(value: Any) -> Number:
    return _number(value, 100)


def dollars(value: Any) -> Number:
    return _number(value, DOLLARS_MAX)


def count(value: Any) -> int:
    number = _number(value, SYSTEMS)
    if number != int(number):
        raise invalid(f"must be a whole number from 0 to {SYSTEMS}")
    return int(number)


def timezone(value: Any) -> str | None:
    zone = _string(value).strip()
    if zone and zone not in zones():
        raise invalid("must be an IANA time zone such as America/Toronto")
    return zone or None


def locale(value: Any) -> str | None:
    tag = _string(value).strip().replace("_", "-")
    if tag and _LOCALE.fullmatch(tag) is None:
        raise invalid("must be a language tag such as en-CA")
    return tag or None


@cache
def zones() -> frozenset[str]:
    """Every time zone that this machine knows. The first call reads the disk: make it before the first request."""
    # `localtime` is a setting of this machine and no IANA zone: elsewhere it would mean another offset.
    return frozenset(zoneinfo.available_timezones()) - {"localtime"}


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise invalid("must be a text")
    return value


def _normalized(value: Any, characters_max: int) -> str:
    words = " ".join(_string(value).split())
    if len(words) > characters_max:
        raise invalid(f"must have at most {characters_max} characters")
    if not words.isprintable() and any(unicodedata.category(character) in ("Cc", "Cs") for character in words):
        raise invalid("must not contain control characters")
    return words


def _is_visible(text: str) -> bool:
    """A mail would show a blank for zero-width or private-use characters alone, and is not sent."""
    return any(unicodedata.category(character) != "Cf" for character in wording.clean(text))


def _number(value: Any, value_max: int) -> Number:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise invalid(f"must be a number from 0 to {value_max}")
    if not 0 <= value <= value_max:
        raise invalid(f"must be from 0 to {value_max}")
    return value


def _number_schema(kind: str, value_max: int, *, nullable: bool = False) -> WithJsonSchema:
    return WithJsonSchema({"type": [kind, "null"] if nullable else kind, "minimum": 0, "maximum": value_max})


def _text_schema(**more: Any) -> WithJsonSchema:
    return WithJsonSchema({"type": ["string", "null"], **more})


Email = Annotated[
    str,
    PlainValidator(email),
    WithJsonSchema({"type": "string", "format": "email", "maxLength": EMAIL_CHARACTERS_MAX}),
]
Name = Annotated[
    str, PlainValidator(name), WithJsonSchema({"type": "string", "minLength": 1, "maxLength": NAME_CHARACTERS_MAX})
]
Text = Annotated[str | None, PlainValidator(text), _text_schema(maxLength=TEXT_CHARACTERS_MAX)]
Score = Annotated[Number, PlainValidator(score), _number_schema("number", 100)]
Dollars = Annotated[Number, PlainValidator(dollars), _number_schema("number", DOLLARS_MAX)]
Count = Annotated[int, PlainValidator(count), _number_schema("integer", SYSTEMS, nullable=True)]
TimeZone = Annotated[str | None, PlainValidator(timezone), _text_schema(examples=["America/Toronto"])]
Locale = Annotated[str | None, PlainValidator(locale), _text_schema(examples=["en-CA"])]
