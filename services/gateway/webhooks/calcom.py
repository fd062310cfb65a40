"""`POST /webhook/calcom-booking`: booking events of Cal.com."""

from __future__ import annotations

import hashlib
import re
from time import perf_counter
from typing import Any

from aiohttp import web

from common.clock import iso
from common.domain.booking import BookingEvent, BookingKind
from common.domain.ids import booking_id, seat_id
from common.ledger.bookings import BookingAnswer
from common.observability import metrics
from common.observability.logs import get_logger
from services.gateway.context import GatewayContext
from services.gateway.events import BookingReceived, IgnoredEvent, UnreadBooking, count_notes
from services.gateway.http.body import JsonResponse, json_response, read_verified
from services.gateway.http.middleware import LOG_CONTEXT
from services.gateway.validation.strict_json import read_shallow
from services.gateway.webhooks.calcom_event import event_of
from services.gateway.webhooks.calcom_notes import field_notes
from services.gateway.webhooks.calcom_payload import ReceivedWebhook
from services.web.problem import Problem

log = get_logger(__name__)

VERSION_HEADER = "X-Cal-Webhook-Version"
VERSIONS = ("2021-10-20", "2026-07-27")
"""
The later version adds `attendeeIcsContent` and `organizerIcsContent`: invitations for systems that send them instead of
Cal.com. They only repeat what the other fields say, so they are not stored. Older Cal.com servers name no version.
"""
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)

_SECONDS = metrics.WEBHOOK_SECONDS.labels("calcom")
_ONE_AT_A_TIME = frozenset(BookingKind) - {BookingKind.NO_SHOW, BookingKind.ENDED}
"""Kinds that a booking has at most once per timestamp. A no-show may be set and withdrawn at the same timestamp."""


async def receive(context: GatewayContext, request: web.BaseRequest) -> JsonResponse:
    """
    Verify, parse and record an event: 202 when it is recorded, 200 when it has no effect here.

    A repeated event gets the same response.
    """
    started = perf_counter()
    # The content type is not checked: Cal.com declares JSON as a form when its webhook has a template.
    body, _, received_ms = await read_verified(context, request, context.calcom)
    version = request.headers.get(VERSION_HEADER, "")
    received, log_context = await _parse_or_store(context, body, version, received_ms=received_ms), LOG_CONTEXT.get()
    if isinstance(received, IgnoredEvent):
        log_context.outcome = "ignored"
        return json_response(200, received.body())
    answer, log_context.outcome = await context.intake.record_booking(received)
    if not answer.repeated:
        count_notes(received.notes)
    _SECONDS.observe(perf_counter() - started)
    return json_response(202, answer_body(received.trigger, answer))


async def _parse_or_store(
    context: GatewayContext, body: bytes, version: str, *, received_ms: int
) -> BookingReceived | IgnoredEvent:
    """Like `parse`, but store an event that cannot be used in full for a person: Cal.com does not send it again."""
    try:
        received = parse(context, body, received_ms=received_ms)
    except Problem as problem:
        await _record_unread(context, body, _reason(problem, version), received_ms=received_ms)
        raise
    if isinstance(received, BookingReceived) and received.event.kind is BookingKind.LOST_MOVE:
        await _record_unread(context, body, "does not say to which booking it was moved", received_ms=received_ms)
    return received


async def _record_unread(context: GatewayContext, body: bytes, reason: str, *, received_ms: int) -> None:
    log.warning("booking_event_unread", reason=reason)
    raw = body.decode(errors="backslashreplace")
    await context.intake.record_unread_booking(UnreadBooking(raw=raw, reason=reason, received_ms=received_ms))


def _reason(problem: Problem, version: str) -> str:
    """Return what is wrong. Name the webhook version if it is unknown, because that may be why parsing failed."""
    reason = "; ".join(f"{error.field} {error.message}" for error in problem.errors) or problem.detail
    is_known = version in VERSIONS or not _DATE.fullmatch(version)
    return reason if is_known else f"{reason} (webhook version {version})"


def parse(context: GatewayContext, body: bytes, *, received_ms: int) -> BookingReceived | IgnoredEvent:
    """Return the event in `body`. Raises Problem: 400 when it is not JSON, 422 naming every invalid field."""
    webhook = ReceivedWebhook.of(read_shallow(body))
    sms = context.campaigns.default.compiled.sms
    event = event_of(
        webhook,
        received_ms=received_ms,
        types=context.settings.calcom_types,
        sms_question=sms.question if sms else None,
    )
    if isinstance(event, IgnoredEvent):
        return event
    trigger, notes = webhook.trigger or "", field_notes(webhook, event.kind)
    return BookingReceived(webhook_id=webhook_id(trigger, event, body), trigger=trigger, event=event, notes=notes)


def webhook_id(trigger: str, event: BookingEvent, body: bytes) -> str:
    """
    Return the id by which a repeated event is recognized, because Cal.com sends no id.

    Format: `calcom:BOOKING_CREATED:bkg_…:<timestamp>`. A hash of the body replaces the timestamp when that does not
    tell events apart. Two seats of a booking may be reserved at the same timestamp, so the id of an event about seats
    identifies the attendees too (`bkg_…-…`).
    """
    booking = booking_id(event.uid)
    owner = seat_id(booking, " ".join(one.email for one in event.attendees)) if event.is_seated else booking
    prefix = f"calcom:{trigger}:{owner}"
    if event.kind in _ONE_AT_A_TIME and event.event_ms != event.received_ms:
        return f"{prefix}:{event.event_ms}"
    return f"{prefix}:{hashlib.sha256(body).hexdigest()[:32]}"


def answer_body(trigger: str, answer: BookingAnswer) -> dict[str, Any]:
    """
    Return the response body. It depends only on the trigger, which is in the webhook id, and on the recorded answer, so
    a repeated event gets the same bytes.
    """
    return {
        "status": "accepted",
        "event": trigger,
        "booking_uid": None if answer.kind is BookingKind.LOST_MOVE else answer.booking_uid,
        "email": answer.email,
        "meeting_time": None if answer.meeting_time_ms is None else iso(answer.meeting_time_ms),
        "timestamp": iso(answer.received_ms),
    }
