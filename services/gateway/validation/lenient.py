"""Field types for providers' webhooks. An invalid value is read as absent, as in `normalization/lenient.py`."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainValidator, WithJsonSchema

from common.normalization.lenient import address, boolean, object_or_empty, token, web_address, words
from common.normalization.locale import read_locale, read_timestamp_ms, read_timezone
from common.normalization.numbers import read_number


def count(value: Any) -> int | None:
    """Return a whole number of 0 or more, which may be sent as text; None for anything else."""
    number = read_number(value)
    return number if isinstance(number, int) and 0 <= number < 2**53 else None


def objects(value: Any) -> Any:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


_TEXT = WithJsonSchema({"type": ["string", "null"]})

Words = Annotated[str | None, PlainValidator(words), _TEXT]
Reason = Annotated[str | None, PlainValidator(partial(words, characters_max=120)), _TEXT]
Token = Annotated[str | None, PlainValidator(token), WithJsonSchema({"type": ["string", "integer", "null"]})]
Timestamp = Annotated[
    int | None, PlainValidator(read_timestamp_ms), WithJsonSchema({"type": ["string", "null"], "format": "date-time"})
]
Address = Annotated[str | None, PlainValidator(address), _TEXT]
Zone = Annotated[str | None, PlainValidator(read_timezone), _TEXT]
Locale = Annotated[str | None, PlainValidator(read_locale), _TEXT]
WebAddress = Annotated[str | None, PlainValidator(web_address), _TEXT]
Count = Annotated[int | None, PlainValidator(count), WithJsonSchema({"type": ["integer", "null"]})]
Boolean = Annotated[bool | None, PlainValidator(boolean), WithJsonSchema({"type": ["boolean", "null"]})]
AnObject = BeforeValidator(object_or_empty)
Objects = BeforeValidator(objects)
