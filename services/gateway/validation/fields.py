"""
The rules for each kind of field of a signup; every message says what would be valid.

Each reader returns the value to use, repaired where that is safe, or raises. Then an optional field is left out, and a
signup without the required field is refused. Texts are put on one line, because they go into subjects and headers.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from pydantic import PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from common.domain.contact import Number
from common.normalization.address import CHARACTERS_MAX as EMAIL_CHARACTERS_MAX
from common.normalization.address import AddressError, repaired_address
from common.normalization.lenient import boolean as read_boolean
from common.normalization.locale import read_locale, read_timestamp_ms, read_timezone
from common.normalization.numbers import SYSTEMS, read_number
from common.normalization.text import reason_name_unusable, reason_unusable, visible

TEXT_CHARACTERS_MAX = 500
CONSENT_CHARACTERS_MAX = 1_000
SOURCE_CHARACTERS_MAX = 500
VISITOR_CHARACTERS_MAX = 64
DOLLARS_MAX = 1_000_000_000_000


def invalid(message: str) -> PydanticCustomError:
    """Return the error for an invalid field."""
    # Passed as a parameter, because a brace in the template would be read as a placeholder.
    return PydanticCustomError("field", "{message}", {"message": message})


def email(value: Any) -> str:
    """Return the address, repaired where that is safe (see `repaired_address`)."""
    try:
        return repaired_address(_string(value))
    except AddressError as error:
        raise invalid(str(error)) from None


def name(value: Any) -> str:
    """Return a first name; "" when it must not be shown, such as an advertisement or a placeholder."""
    text = visible(_string(value))
    if not text:
        raise invalid("must not be empty")
    return "" if reason_name_unusable(text) else text


def text(value: Any) -> str | None:
    """Return the text on one line; None when nothing in it is visible."""
    shown = visible(_string(value))
    if len(shown) > TEXT_CHARACTERS_MAX:
        raise invalid(f"must have at most {TEXT_CHARACTERS_MAX} characters")
    return shown or None


def shown_text(value: Any) -> str | None:
    """Return a text that a mail or a title may show. An advertisement or a placeholder is invalid."""
    shown = text(value)
    if shown is not None and (reason := reason_unusable(shown)):
        raise invalid(f"has {reason}")
    return shown


def evidence(value: Any, characters_max: int) -> str | None:
    """Return a text that documents a consent. It is cut when it is too long, and never left out for that."""
    return visible(_string(value))[:characters_max].rstrip() or None


def phone(value: Any) -> str | None:
    """Return a phone number as text. Some forms send it as a number."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = f"{value:.0f}" if isinstance(value, float) else str(value)
    return text(value)


def timestamp_ms(value: Any) -> int:
    moment_ms = read_timestamp_ms(value)
    if moment_ms is None:
        raise invalid("must be a timestamp such as 2026-12-03T18:00:00Z")
    return moment_ms


def opaque_token(value: Any) -> str | None:
    token = _string(value).strip()
    if not token.isprintable() or len(token) > VISITOR_CHARACTERS_MAX:
        raise invalid(f"must be an opaque text of at most {VISITOR_CHARACTERS_MAX} characters, all printable")
    return token or None


def score(value: Any) -> Number:
    return _number(value, 100)


def dollars(value: Any) -> Number:
    return _number(value, DOLLARS_MAX)


def count(value: Any) -> int:
    """Return a whole number of systems. A number above SYSTEMS is read as SYSTEMS."""
    number = _read_number(value, SYSTEMS)
    if number < 0 or number != int(number):
        raise invalid(f"must be a whole number from 0 to {SYSTEMS}")
    return min(int(number), SYSTEMS)


def timezone(value: Any) -> str:
    zone = read_timezone(_string(value))
    if zone is None:
        raise invalid("must be a time zone that is known, such as America/Toronto")
    return zone


def locale(value: Any) -> str:
    tag = read_locale(value)
    if tag is None:
        raise invalid("must be a language tag such as en-CA, or a browser's list of them")
    return tag


def boolean(value: Any) -> bool:
    """Return true or false. Forms send the state of a checkbox as text."""
    found = read_boolean(value)
    if found is None:
        raise invalid("must be true or false")
    return found


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise invalid("must be a text")
    return value


def _read_number(value: Any, value_max: int) -> Number:
    # A number stays what it is: 72.0 is not rewritten to 72.
    number = read_number(value) if isinstance(value, str) else value
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise invalid(f"must be a number from 0 to {value_max}")
    return number


def _number(value: Any, value_max: int) -> Number:
    number = _read_number(value, value_max)
    if not 0 <= number <= value_max:
        raise invalid(f"must be from 0 to {value_max}")
    return number


def _number_schema(kind: str, value_max: int, *, nullable: bool = False) -> WithJsonSchema:
    kinds = [kind, "string", "null"] if nullable else [kind, "string"]
    return WithJsonSchema({"type": kinds, "minimum": 0, "maximum": value_max})


def _text_schema(**more: Any) -> WithJsonSchema:
    return WithJsonSchema({"type": ["string", "null"], **more})


Email = Annotated[
    str,
    PlainValidator(email),
    WithJsonSchema({"type": "string", "format": "email", "maxLength": EMAIL_CHARACTERS_MAX}),
]
Name = Annotated[str, PlainValidator(name), WithJsonSchema({"type": "string", "minLength": 1})]
ShownText = Annotated[str | None, PlainValidator(shown_text), _text_schema(maxLength=TEXT_CHARACTERS_MAX)]
Phone = Annotated[str | None, PlainValidator(phone), WithJsonSchema({"type": ["string", "number", "null"]})]
ConsentText = Annotated[
    str | None,
    PlainValidator(partial(evidence, characters_max=CONSENT_CHARACTERS_MAX)),
    _text_schema(maxLength=CONSENT_CHARACTERS_MAX),
]
ConsentSource = Annotated[
    str | None,
    PlainValidator(partial(evidence, characters_max=SOURCE_CHARACTERS_MAX)),
    _text_schema(maxLength=SOURCE_CHARACTERS_MAX),
]
SmsConsent = Annotated[bool | None, PlainValidator(boolean), WithJsonSchema({"type": ["boolean", "null"]})]
ConsentTime = Annotated[
    int | None,
    PlainValidator(timestamp_ms),
    WithJsonSchema({"type": ["string", "null"], "format": "date-time"}),
]
Visitor = Annotated[str | None, PlainValidator(opaque_token), _text_schema(maxLength=VISITOR_CHARACTERS_MAX)]
RequiredScore = Annotated[Number, PlainValidator(score), _number_schema("number", 100)]
Score = Annotated[Number | None, PlainValidator(score), _number_schema("number", 100, nullable=True)]
Dollars = Annotated[Number | None, PlainValidator(dollars), _number_schema("number", DOLLARS_MAX, nullable=True)]
Count = Annotated[int, PlainValidator(count), _number_schema("integer", SYSTEMS, nullable=True)]
TimeZone = Annotated[str | None, PlainValidator(timezone), _text_schema(examples=["America/Toronto"])]
Locale = Annotated[str | None, PlainValidator(locale), _text_schema(examples=["en-CA"])]
