"""`POST /webhook/resend`: what became of mails after Resend took them."""

from __future__ import annotations

import secrets
from time import perf_counter
from typing import Any

from aiohttp import web

from common.clock import iso
from common.domain.feedback import Feedback, FeedbackKind
from common.domain.ids import is_reminder
from common.ledger.feedback import FeedbackAnswer
from common.observability import metrics
from common.observability.logs import get_logger
from services.gateway.body import read_body
from services.gateway.door import DOOR, Door
from services.gateway.events import FeedbackReceived
from services.gateway.problem import Problem
from services.gateway.replies import Ignored, Reply, reply
from services.gateway.trace import TRACE
from services.gateway.webhooks.resend_payload import EVENTS, read
from services.gateway.webhooks.strict_json import read_shallow

_SECONDS = metrics.WEBHOOK_SECONDS.labels("resend")
log = get_logger(__name__)


def verify(door: Door, request: web.Request, body: bytes, *, now_ms: int) -> str:
    """The webhook's id. Raises Problem: 401, or 429 when this source failed too often."""
    try:
        message_id = door.resend.verify(request.headers, body, now_ms=now_ms)
    except Problem:
        door.failures.count(request, now_ms=now_ms)
        raise
    return f"resend:{message_id or secrets.token_hex(16)}"


def parse(door: Door, body: bytes, *, received_ms: int) -> Feedback | Ignored:
    """What was told. Raises Problem: 400 for no JSON, 422 without a type."""
    return read(read_shallow(body), campaign=door.intake.ledger.campaign, received_ms=received_ms)


async def receive(request: web.Request) -> Reply:
    """Verify, parse, keep: 202 for a mail of ours, 200 for all else, and the same again for the same webhook id."""
    started = perf_counter()
    door = request.app[DOOR]
    body = await read_body(request)
    received_ms = door.clock.now_ms()
    webhook_id = verify(door, request, body, now_ms=received_ms)
    feedback, trace = parse(door, body, received_ms=received_ms), TRACE.get()
    if isinstance(feedback, Ignored):
        trace.outcome = "ignored"
        return feedback.response()
    told, trace.outcome = await door.intake.hear(FeedbackReceived(webhook_id=webhook_id, feedback=feedback))
    if not is_reminder(told.delivery_id):
        trace.enrollment_id = feedback.contact_id
    if not told.repeated:
        _note(feedback)
    _SECONDS.observe(perf_counter() - started)
    return reply(202, answer(told))


def answer(told: FeedbackAnswer) -> dict[str, Any]:
    """Made of what was remembered and nothing else, so that a repetition gets the same bytes."""
    return {
        "status": "accepted",
        "event": EVENTS[told.kind],
        "delivery_id": told.delivery_id,
        "timestamp": iso(told.received_ms),
    }


def _note(feedback: Feedback) -> None:
    metrics.FEEDBACK.labels(feedback.kind.value).inc()
    if feedback.kind is FeedbackKind.FAILED:
        # Nobody is at fault but our account: a person must look, or more mails will not arrive.
        log.error("mail_failed_at_provider", delivery_id=feedback.delivery_id, reason=feedback.detail)
