"""
What each kind of field may hold, with the cure in the message.

Strict: `"72"` and `true` are not numbers. Texts are trimmed and their white space (line breaks too) made single
spaces, because they go into subjects and headers.
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


def wrong(message: str) -> PydanticCustomError:
    # A brace would be read as a placeholder.
    return PydanticCustomError("field", "{message}", {"message": message})


def email(value: Any) -> str:
    """
    Trimmed and lower-cased, ASCII.

    An internationalised domain must come in its `xn--` form: that is what mail servers are told, and two spellings of
    one address would be two people.
    """
    address = _string(value).strip()
    if not address.isascii():
        raise wrong("must be an e-mail address in ASCII (write an international domain in its xn-- form)")
    # Only now: some characters outside ASCII have a lower case inside it.
    address = address.lower()
    if len(address) > EMAIL_CHARACTERS_MAX:
        raise wrong(f"must have at most {EMAIL_CHARACTERS_MAX} characters")
    if _EMAIL.fullmatch(address) is None:
        raise wrong("must be an e-mail address such as ada@example.com")
    return address


def name(value: Any) -> str:
    """A text that must say something."""
    text = _tidy(value, NAME_CHARACTERS_MAX)
    if not _is_seen(text):
        raise wrong("must not be empty")
    return text


def text(value: Any) -> str | None:
    """Any text; an empty one is the same as none."""
    words = _tidy(value, TEXT_CHARACTERS_MAX)
    return words if _is_seen(words) else None


def score(value: Any) -> Number:
    return _number(value, 100)


def dollars(value: Any) -> Number:
    return _number(value, DOLLARS_MAX)


def count(value: Any) -> int:
    number = _number(value, SYSTEMS)
    if number != int(number):
        raise wrong(f"must be a whole number from 0 to {SYSTEMS}")
    return int(number)


def timezone(value: Any) -> str | None:
    zone = _string(value).strip()
    if zone and zone not in zones():
        raise wrong("must be an IANA time zone such as America/Toronto")
    return zone or None


def locale(value: Any) -> str | None:
    tag = _string(value).strip().replace("_", "-")
    if tag and _LOCALE.fullmatch(tag) is None:
        raise wrong("must be a language tag such as en-CA")
    return tag or None


@cache
def zones() -> frozenset[str]:
    """Every zone this machine knows. The first call reads the disk: make it before the first request."""
    # `localtime` is this machine's own setting, no zone of IANA: elsewhere it would be another hour.
    return frozenset(zoneinfo.available_timezones()) - {"localtime"}


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise wrong("must be a text")
    return value


def _tidy(value: Any, characters_max: int) -> str:
    words = " ".join(_string(value).split())
    if len(words) > characters_max:
        raise wrong(f"must have at most {characters_max} characters")
    if not words.isprintable() and any(unicodedata.category(character) in ("Cc", "Cs") for character in words):
        raise wrong("must not contain control characters")
    return words


def _is_seen(text: str) -> bool:
    """Of zero-width or private-use characters alone a mail would show a blank, and is not sent."""
    return any(unicodedata.category(one) != "Cf" for one in wording.clean(text))


def _number(value: Any, most: int) -> Number:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong(f"must be a number from 0 to {most}")
    if not 0 <= value <= most:
        raise wrong(f"must be from 0 to {most}")
    return value


def _number_schema(kind: str, most: int, *, nullable: bool = False) -> WithJsonSchema:
    return WithJsonSchema({"type": [kind, "null"] if nullable else kind, "minimum": 0, "maximum": most})


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
