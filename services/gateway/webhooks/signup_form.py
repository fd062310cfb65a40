"""
Reads a signup's body: required fields are repaired or refused, optional ones are repaired or left out.

A note records what happened to every field that is not used as it was sent.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields
from functools import cache
from typing import Any

from pydantic import BaseModel, ValidationError

from common.domain.contact import Assessment, Consent, SmsConsent
from common.domain.note import Kept, Note, NoteKind
from common.normalization.fields import field_key, match_field_names, shown_name
from common.normalization.numbers import fitted_counts
from common.normalization.text import reason_name_unusable
from services.gateway.events import SignupForm
from services.gateway.http.body import invalid_fields
from services.gateway.validation.signup_shape import DEFAULT_SHAPE, SignupShape
from services.gateway.validation.strict_json import DEPTH_MAX, depth_of, read_object
from services.web.problem import FieldError

UNKNOWN_BYTES_MAX = 4096
UNKNOWN = "unknown fields"
COUNTS = ("red_systems", "orange_systems", "yellow_systems", "green_systems")


_KNOWN = frozenset(field.name for field in fields(Assessment))
"""The fields that `Assessment` has by name. Other fields that a campaign declares are stored in its `extra`."""

_REPAIRED = {
    "email": "was written in its usual form",
    "timezone": "was read as an IANA name",
    "locale": "was read as one language tag",
    "phone": "was kept as text",
    "sms_consent": "was read as yes or no",
    **dict.fromkeys(("consent_text", "consent_source"), "was put on one line and cut where it was too long"),
    **dict.fromkeys(("assessment_score", "gps_score", "money_score", "revenue_leak_total"), "was sent as text"),
    **dict.fromkeys(COUNTS, "was read as a whole number of at most 8"),
}


def read_signup(body: bytes, shape: SignupShape = DEFAULT_SHAPE) -> SignupForm:
    """
    Return the signup in `body`. `shape`: the fields of its campaign's signups.

    Raises Problem: 400 when it is not JSON, 422 naming each invalid required field.
    """
    sent, read_as = match_field_names(_reported(read_object(body), shape), shape.fields)
    reported = {name: value for name, value in sent.items() if name in shape.fields and value is not None}
    valid, dropped = _validated(reported, shape)
    counts, cut = _fitted(valid)
    extra, unknown = _kept_unknown({name: value for name, value in sent.items() if name not in shape.fields})
    values = dict(valid) | counts
    consent = Consent(
        text=values.pop("consent_text"), source=values.pop("consent_source"), at_ms=values.pop("consent_at")
    )
    agreed = values.pop("sms_consent")
    for_sms = None
    if agreed is not None:
        for_sms = SmsConsent.of_signup(agreed, number=values.get("phone"), source=consent.source, at_ms=consent.at_ms)
    declared = {name: values.pop(name) for name in [*values] if name not in _KNOWN and name != "visitor"}
    extra |= {name: value for name, value in declared.items() if value is not None}
    return SignupForm(
        visitor=values.pop("visitor"),
        assessment=Assessment(
            **values, extra=extra, consent=None if consent == Consent() else consent, sms_consent=for_sms
        ),
        notes=(*_renamed(read_as, valid), *dropped, *_repaired(reported, valid), *cut, *unknown),
    )


def _reported(sent: Mapping[str, Any], shape: SignupShape) -> dict[str, Any]:
    """Drop empty fields, so that a blank field does not replace the same field under another spelling of its name."""
    known = _keys(shape.fields)
    return {
        name: value
        for name, value in sent.items()
        if value is not None and not (isinstance(value, str) and not value.strip() and field_key(name) in known)
    }


@cache
def _keys(fields: frozenset[str]) -> frozenset[str]:
    return frozenset(map(field_key, fields))


def _validated(reported: Mapping[str, Any], shape: SignupShape) -> tuple[BaseModel, list[Note]]:
    try:
        return shape.model.model_validate(reported), []
    except ValidationError as error:
        errors = _field_errors(error)
    if refused := [error for error in errors if error.field in shape.required]:
        raise invalid_fields(*refused)
    names = {error.field for error in errors}
    left = {name: value for name, value in reported.items() if name not in names}
    return shape.model.model_validate(left), [_dropped(error.field, f"it {error.message}") for error in errors]


def _field_errors(error: ValidationError) -> list[FieldError]:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return [FieldError(str(one["loc"][0]), "is required" if one["type"] == "missing" else one["msg"]) for one in found]


def _fitted(valid: BaseModel) -> tuple[dict[str, int], list[Note]]:
    """Return the four counts, reduced to 8 together (see `fitted_counts`), and a note for each that was reduced."""
    counts = {name: getattr(valid, name) for name in COUNTS if hasattr(valid, name)}
    if len(counts) < len(COUNTS):
        return {}, []
    fitted = dict(zip(COUNTS, fitted_counts(*counts.values()), strict=True))
    what = "was cut: the four counts of systems are at most 8 together"
    return fitted, [_repair(name, what, fitted[name]) for name in COUNTS if fitted[name] != counts[name]]


def _renamed(read_as: Mapping[str, str], valid: BaseModel) -> Iterator[Note]:
    for name, target in read_as.items():
        used = getattr(valid, target)
        what = f"was sent as {shown_name(name) or 'a name that cannot be shown'}"
        yield Note(kind=NoteKind.RENAMED, field=target, what=what, kept=used, sent_as=name)


def _repaired(reported: Mapping[str, Any], valid: BaseModel) -> Iterator[Note]:
    for name, sent in reported.items():
        used = getattr(valid, name)
        if name == "first_name" and not used:
            yield _dropped(name, f"it has {reason_name_unusable(sent)}")
        elif name != "consent_at" and used not in (None, 0) and not _is_same(name, sent, used):
            yield _repair(name, _REPAIRED.get(name, "was put on one line of visible characters"), used)


def _is_same(name: str, sent: Any, used: Any) -> bool:
    """Return whether a value is used as sent, apart from white space and, in an address or a locale, from case."""
    if not isinstance(sent, str):
        return bool(sent == used)
    plain = " ".join(sent.split())
    if name == "email":
        return bool(plain.lower() == used)
    return bool(plain.replace("_", "-").casefold() == used.casefold() if name == "locale" else plain == used)


def _kept_unknown(extra: Mapping[str, Any]) -> tuple[dict[str, Any], list[Note]]:
    """Return the unknown fields that fit, in their order, and a note for every unknown field."""
    kept: dict[str, Any] = {}
    notes = [_unknown(name) for name in extra]
    size = 2
    for name, value in extra.items():
        text = None if depth_of(value) >= DEPTH_MAX else json.dumps({name: value}, ensure_ascii=False)
        # Half of a surrogate pair is not a character, and neither the store nor a mail can hold it.
        encoded = b"" if text is None else text.encode(errors="ignore")
        size += len(encoded)
        if text is None or size > UNKNOWN_BYTES_MAX:
            limits = f"{UNKNOWN_BYTES_MAX} bytes together and {DEPTH_MAX} levels of nesting"
            return kept, [*notes, _dropped(UNKNOWN, f"unknown fields are stored up to {limits}")]
        kept |= json.loads(encoded)
    return kept, notes


def _dropped(field: str, reason: str) -> Note:
    return Note(kind=NoteKind.DROPPED, field=field, what=f"was left out: {reason}")


def _repair(field: str, what: str, kept: Kept) -> Note:
    return Note(kind=NoteKind.REPAIRED, field=field, what=what, kept=kept)


def _unknown(name: str) -> Note:
    return Note(kind=NoteKind.UNKNOWN, field="other", what="is not a known field", sent_as=name)
