"""
The fast path for ordinary signups: compiled code reads the body in one pass and a third of the time.

`read_ordinary_signup` accepts only what `signup_form.read_signup` would accept unchanged. It leaves everything else to
that function: what has to be repaired, left out, noted, stored as an unknown field or refused. The rules of a field,
and all messages, are therefore only in `validation/fields.py`; a property test compares the two functions.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any

from pydantic_core import CoreSchema, SchemaValidator, ValidationError
from pydantic_core import core_schema as schema

from common.domain.contact import Assessment, Consent, SmsConsent
from common.normalization.address import CHARACTERS_MAX as EMAIL_CHARACTERS_MAX
from common.normalization.locale import read_timestamp_ms, zone_names
from common.normalization.numbers import SYSTEMS
from common.normalization.text import NAME_CHARACTERS_MAX, reason_name_unusable, reason_unusable, visible
from services.gateway.events import SignupForm
from services.gateway.validation.fields import (
    CONSENT_CHARACTERS_MAX,
    DOLLARS_MAX,
    SOURCE_CHARACTERS_MAX,
    TEXT_CHARACTERS_MAX,
)

_WORD = r"[\p{L}\p{M}\p{N}\p{P}\p{S}]+"
_WORDS = rf"^{_WORD}(?: {_WORD})*$"
_ATOM = r"[a-z0-9_+-]{1,20}"
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_EMAIL = rf"^{_ATOM}(?:\.{_ATOM}){{0,2}}@(?:{_LABEL}\.)+[a-z]{{2,63}}$"
_LOCALE = r"^[a-z]{2}(?:-[A-Z]{2})?$"
_TIMESTAMP = r"^20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9](?::[0-5][0-9]){2}(?:\.[0-9]{3})?Z$"
_SHOWN_TEXTS = ("business_name", "weakest_system_1", "weakest_system_2", "strongest_system")
_TOKEN = r"^[A-Za-z0-9_=+/-]{1,64}$"


def read_ordinary_signup(body: bytes) -> SignupForm | None:
    """Return the signup in `body`; None when it is not ordinary, which need not mean that it is invalid."""
    try:
        fields = _validator().validate_json(body, strict=True)
    except ValidationError:
        return None
    if _has_repeated_key(body, fields) or not _is_usable_name(fields["first_name"]):
        return None
    for name in _SHOWN_TEXTS:
        if name in fields and reason_unusable(fields[name]):
            return None
    if not (body.isascii() and b"\\u" not in body) and not _is_shown_as_sent(fields):
        return None
    at = fields.pop("consent_at", None)
    at_ms = read_timestamp_ms(at)
    if at is not None and at_ms is None:
        return None
    text, source, visitor = (fields.pop(name, None) for name in ("consent_text", "consent_source", "visitor"))
    if at or text or source:
        fields["consent"] = Consent(text=text, source=source, at_ms=at_ms)
    if (agrees := fields.pop("sms_consent", None)) is not None:
        fields["sms_consent"] = SmsConsent.of_signup(agrees, number=fields.get("phone"), source=source, at_ms=at_ms)
    assessment = Assessment(**fields)
    return SignupForm(assessment=assessment, visitor=visitor) if _systems(assessment) <= SYSTEMS else None


def _has_repeated_key(body: bytes, fields: dict[str, Any]) -> bool:
    """Return whether the body has more colons than its keys and texts account for: then a key may be repeated."""
    colons = body.count(b":") - len(fields)
    if colons and b"\\u" not in body:  # A colon may be written as an escape, and is then not counted in the body.
        colons -= sum(value.count(":") for value in fields.values() if isinstance(value, str))
    return colons != 0


def _is_shown_as_sent(fields: dict[str, Any]) -> bool:
    """Return whether this Python shows all characters. Its Unicode tables may be older than those of the patterns."""
    return all(value.isascii() or visible(value) == value for value in fields.values() if isinstance(value, str))


@lru_cache(maxsize=4096)
def _is_usable_name(name: str) -> bool:
    """Return whether the name may be shown. Cached, because the same few thousand first names recur."""
    return reason_name_unusable(name) is None


def _systems(found: Assessment) -> int:
    return found.red_systems + found.orange_systems + found.yellow_systems + found.green_systems


@cache
def _validator() -> SchemaValidator:
    required = {"email": _text(_EMAIL, EMAIL_CHARACTERS_MAX), "first_name": _text(_WORDS, NAME_CHARACTERS_MAX)}
    required["assessment_score"] = _number(100)
    fields = {name: schema.typed_dict_field(kind, required=True) for name, kind in required.items()}
    fields |= {name: schema.typed_dict_field(kind, required=False) for name, kind in _optional().items()}
    return SchemaValidator(schema.typed_dict_schema(fields, extra_behavior="forbid"))


def _optional() -> dict[str, CoreSchema]:
    text, count, score = _text(_WORDS, TEXT_CHARACTERS_MAX), schema.int_schema(ge=0, le=SYSTEMS), _number(100)
    return {
        **dict.fromkeys(("red_systems", "orange_systems", "yellow_systems", "green_systems"), count),
        **dict.fromkeys(("gps_score", "money_score"), score),
        **dict.fromkeys((*_SHOWN_TEXTS, "phone"), text),
        "revenue_leak_total": _number(DOLLARS_MAX),
        "timezone": schema.literal_schema(sorted(zone_names())),
        "locale": schema.str_schema(pattern=_LOCALE),
        "consent_text": _text(_WORDS, CONSENT_CHARACTERS_MAX),
        "consent_source": _text(_WORDS, SOURCE_CHARACTERS_MAX),
        "consent_at": schema.str_schema(pattern=_TIMESTAMP),
        "visitor": schema.str_schema(pattern=_TOKEN),
        "sms_consent": schema.bool_schema(),
    }


def _text(pattern: str, characters_max: int) -> CoreSchema:
    return schema.str_schema(pattern=pattern, max_length=characters_max)


def _number(value_max: int) -> CoreSchema:
    """Return a schema that keeps an integer an integer, and a float a float, as in the body."""
    kinds: list[CoreSchema] = [schema.int_schema(ge=0, le=value_max), schema.float_schema(ge=0, le=value_max)]
    return schema.union_schema(list(kinds), mode="left_to_right")
