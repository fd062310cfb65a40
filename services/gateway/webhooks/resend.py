"""`POST /webhook/resend`: Resend's feedback about mails that it accepted."""

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
from services.gateway.context import GatewayContext
from services.gateway.events import FeedbackReceived, IgnoredEvent
from services.gateway.http.body import JsonResponse, json_response, read_verified
from services.gateway.http.middleware import LOG_CONTEXT
from services.gateway.validation.strict_json import read_shallow
from services.gateway.webhooks.resend_payload import EVENT_BY_KIND, KIND_BY_EVENT, NOT_OURS, parse_event

_SECONDS = metrics.WEBHOOK_SECONDS.labels("resend")
_COUNTED = frozenset(KIND_BY_EVENT)
log = get_logger(__name__)


async def receive(context: GatewayContext, request: web.BaseRequest) -> JsonResponse:
    """Verify, parse and record an event: 202 if it has an effect, 200 if not. A repeated id gets the same response."""
    started = perf_counter()
    body, message_id, received_ms = await read_verified(context, request, context.resend)
    # Every unsigned request without an id counts as a new event.
    webhook_id = f"resend:{message_id or secrets.token_hex(16)}"
    feedback, log_context = parse(context, body, received_ms=received_ms), LOG_CONTEXT.get()
    if isinstance(feedback, IgnoredEvent):
        return _ignore(feedback)
    event = FeedbackReceived(webhook_id=webhook_id, feedback=feedback)
    answer, log_context.outcome = await context.intake.record_feedback(event)
    if answer.is_ignored:
        return _ignore(IgnoredEvent(EVENT_BY_KIND[answer.kind], NOT_OURS))
    if answer.delivery_id is not None and not is_reminder(answer.delivery_id):
        log_context.enrollment_id = feedback.contact_id
    if not answer.repeated:
        _report(feedback)
    _SECONDS.observe(perf_counter() - started)
    return json_response(202, answer_body(answer))


def parse(context: GatewayContext, body: bytes, *, received_ms: int) -> Feedback | IgnoredEvent:
    """Return the feedback in `body`. Raises Problem: 400 when it is not JSON, 422 without a type."""
    return parse_event(read_shallow(body), campaigns=context.campaigns, received_ms=received_ms)


def answer_body(answer: FeedbackAnswer) -> dict[str, Any]:
    """Return the response body. It depends only on the recorded answer, so a repeated event gets the same bytes."""
    return {
        "status": "accepted",
        "event": EVENT_BY_KIND[answer.kind],
        "delivery_id": answer.delivery_id,
        "timestamp": iso(answer.received_ms),
    }


def _ignore(event: IgnoredEvent) -> JsonResponse:
    LOG_CONTEXT.get().outcome = "ignored"
    metrics.FEEDBACK_IGNORED.labels(event.event if event.event in _COUNTED else "other").inc()
    return json_response(200, event.body())


def _report(feedback: Feedback) -> None:
    metrics.FEEDBACK.labels(feedback.kind.value).inc()
    if feedback.kind is FeedbackKind.FAILED:
        # The cause is our account at Resend. Until a person fixes it, more mails will not arrive.
        log.error("mail_failed_at_provider", delivery_id=feedback.delivery_id, reason=feedback.detail)
