"""The fields of a campaign's signups: those of every campaign, and those that the campaign declares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, PlainValidator, WithJsonSchema, create_model

from common.campaigns.compiled import Field
from common.campaigns.fields import expected, json_schema, usable
from services.gateway.validation.fields import (
    ConsentSource,
    ConsentText,
    ConsentTime,
    Count,
    Dollars,
    Email,
    Locale,
    Name,
    Phone,
    RequiredScore,
    Score,
    ShownText,
    SmsConsent,
    TimeZone,
    Visitor,
    invalid,
)


class Signup(BaseModel):
    """
    A finished assessment. An optional field that cannot be used is left out, and the signup is accepted without it.

    Unknown members are stored, up to 4 KiB. An explicit null or an empty text means that the field is absent.
    """

    model_config = ConfigDict(extra="ignore")

    email: Email
    first_name: Name
    assessment_score: RequiredScore
    business_name: ShownText = None
    red_systems: Count = 0
    orange_systems: Count = 0
    yellow_systems: Count = 0
    green_systems: Count = 0
    gps_score: Score = None
    money_score: Score = None
    weakest_system_1: ShownText = None
    weakest_system_2: ShownText = None
    strongest_system: ShownText = None
    revenue_leak_total: Dollars = None
    phone: Phone = None
    timezone: TimeZone = None
    locale: Locale = None
    consent_text: ConsentText = None
    consent_source: ConsentSource = None
    consent_at: ConsentTime = None
    visitor: Visitor = None
    sms_consent: SmsConsent = None


_COMMON_FIELDS = (
    "email",
    "first_name",
    "phone",
    "timezone",
    "locale",
    "consent_text",
    "consent_source",
    "consent_at",
    "visitor",
    "sms_consent",
)
"""Fields that every campaign has without declaring them."""


@dataclass(frozen=True, slots=True)
class SignupShape:
    """
    The fields of one campaign's signups.

    `model`: reads a signup. `fields`: the names of all fields; `required`: the fields without which a signup is
    refused. `allows_fast_path`: every field of `Signup` is present and the same ones are required, so that the fast
    path may be used (`ordinary_signup.py`).
    """

    model: type[BaseModel]
    fields: frozenset[str]
    required: frozenset[str]
    allows_fast_path: bool


def _shape(model: type[BaseModel]) -> SignupShape:
    fields, required = frozenset(model.model_fields), _required(model)
    allows_fast_path = fields >= Signup.model_fields.keys() and required == _required(Signup)
    return SignupShape(model, fields, required, allows_fast_path)


def _required(model: type[BaseModel]) -> frozenset[str]:
    return frozenset(name for name, info in model.model_fields.items() if info.is_required())


DEFAULT_SHAPE = _shape(Signup)


_shapes: dict[str, tuple[Sequence[Field], SignupShape]] = {}


def shape_of(key: str, declared: Sequence[Field]) -> SignupShape:
    """Return the shape for campaign `key`, which declares these fields. It is cached until the fields change."""
    if key not in _shapes or _shapes[key][0] != declared:
        _shapes[key] = declared, _build(key, declared)
    return _shapes[key][1]


def _build(key: str, declared: Sequence[Field]) -> SignupShape:
    fields: dict[str, Any] = {name: _default_field(name) for name in _COMMON_FIELDS}
    schemas = json_schema(declared)["properties"]
    for field in declared:
        is_default = (
            field.name in Signup.model_fields and Signup.model_fields[field.name].is_required() == field.required
        )
        fields[field.name] = _default_field(field.name) if is_default else _declared(field, schemas[field.name])
    model = create_model(f"Signup_{key}", __config__=Signup.model_config, __doc__=Signup.__doc__, **fields)
    return _shape(model)


def _default_field(name: str) -> tuple[Any, Any]:
    info = Signup.model_fields[name]
    return Annotated[(info.annotation, *info.metadata)], ... if info.is_required() else info.default


def _declared(field: Field, schema: Mapping[str, Any]) -> tuple[Any, Any]:
    kind = Annotated[Any, PlainValidator(partial(_read, field)), WithJsonSchema(dict(schema))]
    return kind, ... if field.required else None


def _read(field: Field, value: Any) -> Any:
    found = usable(field, value)
    if found is None:
        raise invalid(f"must be {expected(field)}")
    return found
