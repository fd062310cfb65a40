"""`POST /webhook/twilio`: the status of an SMS, and SMS that phones send."""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from aiohttp import web

from common.domain.feedback import FeedbackKind
from common.observability import metrics
from common.observability.logs import get_logger
from services.gateway.context import GatewayContext
from services.gateway.events import FeedbackReceived, SmsReceived
from services.gateway.http.body import read_body, verified
from services.gateway.http.middleware import LOG_CONTEXT
from services.gateway.webhooks.twilio_payload import Form, inbound_of, status_of

FIELDS_MAX = 200
_SECONDS = metrics.WEBHOOK_SECONDS.labels("twilio")
_HELP = {
    "HELP": "{brand}: reminders of a call that you booked. Write to {address}. Reply STOP to end these texts.",
    "AIDE": "{brand} : rappels de votre appel avec nous. Courriel : {address}. ARRET pour cesser ces textos.",
}

log = get_logger(__name__)


async def receive(context: GatewayContext, request: web.Request) -> web.Response:
    """Verify and record a callback. Return TwiML, the same when repeated: empty, or the help that a phone asked for."""
    started = perf_counter()
    body = await read_body(request)
    received_ms = context.clock.now_ms()
    form = _form(body)
    url = f"{context.settings.public_address}{request.raw_path}"
    verified(context, request, lambda: context.twilio.verify(request.headers, url, form), now_ms=received_ms)
    texts = {name: values[0] for name, values in form.items()}
    LOG_CONTEXT.get().outcome = "ignored"
    answer = None
    if "MessageStatus" in texts:
        await _record_status(context, request, texts, received_ms=received_ms)
    elif (event := inbound_of(texts, received_ms=received_ms)) is not None:
        LOG_CONTEXT.get().outcome = await context.intake.record_sms(event)
        answer = _help(context, event)
    _SECONDS.observe(perf_counter() - started)
    return _twiml(answer)


async def _record_status(
    context: GatewayContext, request: web.Request, texts: Mapping[str, str], *, received_ms: int
) -> None:
    feedback = status_of(texts, request.query, received_ms=received_ms)
    if feedback is None:
        metrics.FEEDBACK_IGNORED.labels("sms").inc()
        return
    webhook_id = f"twilio:{feedback.provider_id}:{texts['MessageStatus']}"
    answer, LOG_CONTEXT.get().outcome = await context.intake.record_feedback(
        FeedbackReceived(webhook_id=webhook_id, feedback=feedback)
    )
    if answer.repeated:
        return
    metrics.FEEDBACK.labels(feedback.kind.value).inc()
    if feedback.kind is FeedbackKind.FAILED:
        # The cause is our account or sender at Twilio. Until a person fixes it, more SMS will not arrive.
        log.error("sms_failed_at_provider", delivery_id=feedback.delivery_id, reason=feedback.detail)


def _form(body: bytes) -> Form:
    """Return each field with its values; empty when the body is not a form."""
    try:
        return parse_qs(body.decode(), keep_blank_values=True, max_num_fields=FIELDS_MAX)
    except ValueError:
        return {}


def _help(context: GatewayContext, event: SmsReceived) -> str | None:
    """Return the help text for a phone that asks for it; None otherwise, or when Twilio has sent one already."""
    if event.word != "help" or event.is_answered:
        return None
    campaign = context.campaigns.default
    identity = campaign.identity(context.settings.identity)
    text = _HELP["AIDE" if "AIDE" in event.text.upper() else "HELP"]
    return text.format(brand=campaign.compiled.brand.name, address=identity.contact_address)


def _twiml(text: str | None) -> web.Response:
    message = f"<Message>{escape(text)}</Message>" if text else ""
    body = f'<?xml version="1.0" encoding="UTF-8"?><Response>{message}</Response>'
    return web.Response(text=body, content_type="text/xml")
