"""`POST /webhook/christmas-signup`: a finished assessment, from the website."""

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
from services.gateway.body import read_body, require_json
from services.gateway.door import DOOR, Door
from services.gateway.events import SignupReceived
from services.gateway.problem import FieldError, Problem
from services.gateway.replies import Reply, reply
from services.gateway.trace import TRACE
from services.gateway.webhooks.fields import SYSTEMS, Count, Dollars, Email, Locale, Name, Score, Text, TimeZone
from services.gateway.webhooks.strict_json import DEPTH_MAX, depth_of, read_object
from services.gateway.webhooks.usual import read_usual

UNKNOWN_BYTES_MAX = 4096
UNKNOWN = "unknown fields"
COUNTS = ("red_systems", "orange_systems", "yellow_systems", "green_systems")
MESSAGES = {
    "accepted": "Signup accepted; the first e-mail is on its way.",
    "duplicate": "Already enrolled; nothing starts anew.",
}


class Body(BaseModel):
    """The fields of a signup that have a meaning here."""

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


_FIELDS = frozenset(Body.model_fields)
_validate = Body.__pydantic_validator__.validate_python


def verify(door: Door, request: web.Request, body: bytes, *, now_ms: int) -> str:
    """The webhook's id. Raises Problem: 401, or 429 when this source failed too often."""
    try:
        message_id = door.website.verify(request.headers, body, now_ms=now_ms)
    except Problem:
        door.failures.count(request, now_ms=now_ms)
        raise
    # Unsigned and without a name: each request is its own event.
    return f"signup:{message_id or secrets.token_hex(16)}"


def parse(body: bytes) -> Assessment:
    """What the person told us. Raises Problem: 400 for no JSON, 422 with every field at fault."""
    return read_usual(body) or read_any(body)


def read_any(body: bytes) -> Assessment:
    """As `parse`; whatever may come."""
    given = {field: value for field, value in read_object(body).items() if value is not None}
    extra = {} if given.keys() <= _FIELDS else {name: given[name] for name in given if name not in _FIELDS}
    errors = [*_wrong_together(given), *_wrong_unknown(extra)]
    try:
        valid = _validate(given)
    except ValidationError as error:
        errors = [*_wrong_fields(error), *errors]
    if errors:
        raise Problem(422, "some fields are not as they should be", errors=tuple(errors))
    return Assessment(**valid.__dict__, extra=extra)


async def receive(request: web.Request) -> Reply:
    """Verify, parse, keep: 202 for a new person, 200 for a known one, and the same again for the same webhook id."""
    started = perf_counter()
    door = request.app[DOOR]
    require_json(request)
    body = await read_body(request)
    received_ms = door.clock.now_ms()
    webhook_id = verify(door, request, body, now_ms=received_ms)
    event = SignupReceived(webhook_id=webhook_id, received_ms=received_ms, assessment=parse(body))
    trace = TRACE.get()
    acceptance, trace.outcome = await door.intake.sign_up(event)
    trace.enrollment_id = acceptance.enrollment_id
    if trace.outcome in ("accepted", "spooled"):
        metrics.SIGNUP_SEEN.set(received_ms / 1000)
    _SECONDS.observe(perf_counter() - started)
    return answer(acceptance, campaign=door.campaign_name)


def answer(acceptance: Acceptance, *, campaign: str) -> Reply:
    """Made of what was remembered and nothing else, so that a repetition gets the same bytes."""
    body = {
        "status": acceptance.answer,
        "message": MESSAGES[acceptance.answer],
        "enrollment_id": acceptance.enrollment_id,
        "email": acceptance.email,
        "segment": acceptance.segment,
        "campaign": campaign,
        "timestamp": iso(acceptance.received_ms),
    }
    status = 202 if acceptance.answer == "accepted" else 200
    return reply(status, body)


_SECONDS = metrics.WEBHOOK_SECONDS.labels("signup")


def _wrong_fields(error: ValidationError) -> list[FieldError]:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return [FieldError(str(one["loc"][0]), "is required" if one["type"] == "missing" else one["msg"]) for one in found]


def _wrong_together(given: dict[str, Any]) -> list[FieldError]:
    counts = {field: given[field] for field in COUNTS if type(given.get(field)) in (int, float)}
    if all(0 <= value <= SYSTEMS for value in counts.values()) and sum(counts.values()) > SYSTEMS:
        message = f"the four counts of systems must be at most {SYSTEMS} together"
        return [FieldError(field, message) for field, value in counts.items() if value]
    return []


def _wrong_unknown(extra: dict[str, Any]) -> list[FieldError]:
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
