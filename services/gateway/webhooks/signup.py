"""`POST /webhook/christmas-signup`: a finished assessment, posted by the website."""

from __future__ import annotations

import json
import secrets
from time import perf_counter
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError

from common.clock import iso
from common.domain.contact import Assessment
from common.ledger.signups import Acceptance
from common.observability import metrics
from services.gateway.context import GatewayContext
from services.gateway.events import SignupReceived
from services.gateway.fast_path.json_response import JsonResponse, json_response
from services.gateway.fast_path.signup_reader import read_ordinary_signup
from services.gateway.http.body import require_json
from services.gateway.http.log_context import LOG_CONTEXT
from services.gateway.validation.fields import SYSTEMS, Count, Dollars, Email, Locale, Name, Score, Text, TimeZone
from services.gateway.validation.strict_json import DEPTH_MAX, depth_of, read_object
from services.gateway.webhooks.verified_body import invalid_fields, read_verified
from services.web.problem import FieldError

UNKNOWN_BYTES_MAX = 4096
UNKNOWN = "unknown fields"
COUNTS = ("red_systems", "orange_systems", "yellow_systems", "green_systems")
MESSAGES = {
    "accepted": "Signup accepted; the first e-mail is on its way.",
    "duplicate": "Already enrolled; the campaign does not start again.",
}

_SECONDS = metrics.WEBHOOK_SECONDS.labels("signup")


class Signup(BaseModel):
    """A finished assessment. Unknown members are stored, up to 4 KiB; an explicit null is the same as absent."""

    model_config = ConfigDict(extra="ignore")

    email: Email
    first_name: Name
    assessment_score: Score
    business_name: Text = None
    red_systems: Count = 0
    orange_systems: Count = 0
    yellow_systems: Count = 0
    green_systems: Count = 0
    gps_score: Score | None = None
    money_score: Score | None = None
    weakest_system_1: Text = None
    weakest_system_2: Text = None
    strongest_system: Text = None
    revenue_leak_total: Dollars | None = None
    phone: Text = None
    timezone: TimeZone = None
    locale: Locale = None


_FIELDS = frozenset(Signup.model_fields)


async def receive(context: GatewayContext, request: web.BaseRequest) -> JsonResponse:
    """Verify, parse and record: 202 for a new contact, 200 for a known one; the same again for a repeated id."""
    started = perf_counter()
    require_json(request)
    body, message_id, received_ms = await read_verified(context, request, context.website)
    # An unsigned request without an id is an event of its own.
    webhook_id = f"signup:{message_id or secrets.token_hex(16)}"
    event = SignupReceived(webhook_id=webhook_id, received_ms=received_ms, assessment=parse(body))
    log_context = LOG_CONTEXT.get()
    acceptance, log_context.outcome = await context.intake.record_signup(event)
    log_context.enrollment_id = acceptance.enrollment_id
    if log_context.outcome in ("accepted", "spooled"):
        metrics.SIGNUP_SEEN.set(received_ms / 1000)
    _SECONDS.observe(perf_counter() - started)
    return answer(acceptance, campaign=context.campaign_name)


def parse(body: bytes) -> Assessment:
    """The assessment in `body`. Raises Problem: 400 when it is not JSON, 422 naming every invalid field."""
    return read_ordinary_signup(body) or parse_any(body)


def parse_any(body: bytes) -> Assessment:
    """As `parse`, for every body."""
    sent = {field: value for field, value in read_object(body).items() if value is not None}
    extra = {} if sent.keys() <= _FIELDS else {name: sent[name] for name in sent if name not in _FIELDS}
    errors = [*_too_many_systems(sent), *_invalid_unknown(extra)]
    try:
        valid = Signup.model_validate(sent)
    except ValidationError as error:
        errors = [*_field_errors(error), *errors]
    if errors:
        raise invalid_fields(*errors)
    return Assessment(**dict(valid), extra=extra)


def answer(acceptance: Acceptance, *, campaign: str) -> JsonResponse:
    """Made of the recorded answer alone, so that a repetition gets the same bytes."""
    body = {
        "status": acceptance.answer,
        "message": MESSAGES[acceptance.answer],
        "enrollment_id": acceptance.enrollment_id,
        "email": acceptance.email,
        "segment": acceptance.segment,
        "campaign": campaign,
        "timestamp": iso(acceptance.received_ms),
    }
    return json_response(202 if acceptance.answer == "accepted" else 200, body)


def _field_errors(error: ValidationError) -> list[FieldError]:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return [FieldError(str(one["loc"][0]), "is required" if one["type"] == "missing" else one["msg"]) for one in found]


def _too_many_systems(sent: dict[str, Any]) -> list[FieldError]:
    counts = {field: sent[field] for field in COUNTS if type(sent.get(field)) in (int, float)}
    if all(0 <= value <= SYSTEMS for value in counts.values()) and sum(counts.values()) > SYSTEMS:
        message = f"the four counts of systems must be at most {SYSTEMS} together"
        return [FieldError(field, message) for field, value in counts.items() if value]
    return []


def _invalid_unknown(extra: dict[str, Any]) -> list[FieldError]:
    if not extra:
        return []
    if depth_of(extra) > DEPTH_MAX:
        return [FieldError(UNKNOWN, f"must not be nested deeper than {DEPTH_MAX} levels")]
    try:
        size = len(json.dumps(extra, ensure_ascii=False, separators=(",", ":")).encode())
    except UnicodeEncodeError:
        return [FieldError(UNKNOWN, "must not contain half of a surrogate pair")]
    if size > UNKNOWN_BYTES_MAX:
        return [FieldError(UNKNOWN, f"must be at most {UNKNOWN_BYTES_MAX} bytes together")]
    return []
