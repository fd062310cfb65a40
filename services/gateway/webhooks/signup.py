"""`POST /webhook/signup/{campaign}`, and `/webhook/christmas-signup` for the first campaign: the website's signups."""

from __future__ import annotations

import secrets
from functools import cache
from time import perf_counter

from aiohttp import web
from prometheus_client import Counter

from common.clock import iso
from common.ledger.signups import Acceptance
from common.observability import metrics
from services.gateway.context import GatewayContext
from services.gateway.events import SignupForm, SignupReceived, count_notes, count_refused
from services.gateway.http.body import JsonResponse, json_response, read_verified, require_json
from services.gateway.http.middleware import LOG_CONTEXT
from services.gateway.ordinary_signup import read_ordinary_signup
from services.gateway.validation.signup_shape import DEFAULT_SHAPE, SignupShape
from services.gateway.webhooks.signup_form import read_signup
from services.web.problem import Problem

MESSAGES = {
    "accepted": "Signup accepted; the first e-mail is on its way.",
    "duplicate": "Already enrolled; the campaign does not start again.",
    "closed": "The campaign is not open for signups; nothing is sent.",
    "excluded": "Enrolled in a campaign that excludes this one; nothing is sent.",
}

_SECONDS = metrics.WEBHOOK_SECONDS.labels("signup")


async def receive(context: GatewayContext, request: web.BaseRequest) -> JsonResponse:
    """Receive a signup for the first campaign."""
    return await _receive(context, request, context.campaigns.default.key)


async def receive_named(context: GatewayContext, request: web.Request) -> JsonResponse:
    """Receive a signup for the campaign that the path names; 404 when this gateway does not serve it."""
    return await _receive(context, request, request.match_info["campaign"])


async def _receive(context: GatewayContext, request: web.BaseRequest, key: str) -> JsonResponse:
    """Verify, parse and record a signup: 202 for a new contact, 200 otherwise. A repeated id gets the same response."""
    started = perf_counter()
    require_json(request)
    body, message_id, received_ms = await read_verified(context, request, context.website)
    # Every unsigned request without an id counts as a new event.
    webhook_id = f"signup:{message_id or secrets.token_hex(16)}"
    if key not in context.campaigns:
        raise Problem(404, "no campaign of this name takes signups here", outcome="refused")
    form = _parse_counted(body, context.shapes[key])
    event = SignupReceived(webhook_id=webhook_id, received_ms=received_ms, campaign=key, form=form)
    log_context = LOG_CONTEXT.get()
    acceptance, log_context.outcome = await context.intake.record_signup(event)
    log_context.enrollment_id = acceptance.enrollment_id
    if log_context.outcome in ("accepted", "spooled"):
        metrics.SIGNUP_SEEN.set(received_ms / 1000)
    if form.notes and not acceptance.repeated:
        count_notes(form.notes)
    _SECONDS.observe(perf_counter() - started)
    _counter(key, log_context.outcome).inc()
    return answer(acceptance, campaign=context.campaigns[key].name)


@cache
def _counter(campaign: str, outcome: str) -> Counter:
    return metrics.CAMPAIGN_SIGNUPS.labels(campaign, outcome)


def _parse_counted(body: bytes, shape: SignupShape) -> SignupForm:
    try:
        return parse(body, shape)
    except Problem as problem:
        count_refused(error.field for error in problem.errors)
        raise


def parse(body: bytes, shape: SignupShape = DEFAULT_SHAPE) -> SignupForm:
    """Return the signup in `body`, by the fast path if it needs no repair. Raises Problem as `read_signup` does."""
    return (read_ordinary_signup(body) if shape.allows_fast_path else None) or read_signup(body, shape)


def answer(acceptance: Acceptance, *, campaign: str) -> JsonResponse:
    """Return the response. It depends only on the recorded answer, so a repeated signup gets the same bytes."""
    is_enrolled = acceptance.answer in ("accepted", "duplicate")
    body = {
        "status": acceptance.answer,
        "message": MESSAGES[acceptance.answer],
        "enrollment_id": acceptance.enrollment_id if is_enrolled else None,
        "email": acceptance.email,
        "segment": acceptance.segment if is_enrolled else None,
        "campaign": campaign,
        "timestamp": iso(acceptance.received_ms),
    }
    return json_response(202 if acceptance.answer == "accepted" else 200, body)
