"""`POST /webhook/calcom-booking`: booking events of Cal.com."""

from __future__ import annotations

import hashlib
from time import perf_counter
from typing import Any

from aiohttp import web

from common.clock import iso
from common.domain.booking import BookingEvent, BookingKind
from common.domain.ids import booking_id, seat_id
from common.ledger.bookings import BookingAnswer
from common.observability import metrics
from services.gateway.context import GatewayContext
from services.gateway.events import BookingReceived, IgnoredEvent
from services.gateway.fast_path.json_response import JsonResponse, json_response
from services.gateway.http.log_context import LOG_CONTEXT
from services.gateway.validation.strict_json import read_shallow
from services.gateway.webhooks.calcom_payload import TRIGGERS, parse_event
from services.gateway.webhooks.verified_body import read_verified

_SECONDS = metrics.WEBHOOK_SECONDS.labels("calcom")
_ONE_AT_A_TIME = frozenset(BookingKind) - {BookingKind.NO_SHOW, BookingKind.ENDED}
"""Kinds of which a booking has at most one event for each timestamp; a no-show may be set and withdrawn within one."""


async def receive(context: GatewayContext, request: web.BaseRequest) -> JsonResponse:
    """Verify, parse and record: 202 for a recorded event, 200 for one without effect; the same for a repetition."""
    started = perf_counter()
    # The content type is not checked: Cal.com declares JSON as a form when its webhook has a template.
    body, _, received_ms = await read_verified(context, request, context.calcom)
    received, log_context = parse(context, body, received_ms=received_ms), LOG_CONTEXT.get()
    if isinstance(received, IgnoredEvent):
        log_context.outcome = "ignored"
        return json_response(200, received.body())
    answer, log_context.outcome = await context.intake.record_booking(received)
    _SECONDS.observe(perf_counter() - started)
    return json_response(202, answer_body(answer))


def parse(context: GatewayContext, body: bytes, *, received_ms: int) -> BookingReceived | IgnoredEvent:
    """The event in `body`. Raises Problem: 400 when it is not JSON, 422 naming every invalid field."""
    event = parse_event(read_shallow(body), received_ms=received_ms, types=context.settings.calcom_types)
    if isinstance(event, IgnoredEvent):
        return event
    return BookingReceived(webhook_id=webhook_id(event, body), event=event)


def webhook_id(event: BookingEvent, body: bytes) -> str:
    """
    The id by which a repetition is recognized, since Cal.com sends none.

    `calcom:BOOKING_CREATED:bkg_…:<timestamp>`; with a hash of the body where the timestamp does not tell events apart.
    Two seats of one booking may be taken at one timestamp, so an event about seats says whose they are.
    """
    booking = booking_id(event.uid)
    whose = seat_id(booking, " ".join(one.email for one in event.attendees)) if event.is_seated else booking
    prefix = f"calcom:{TRIGGERS[event.kind]}:{whose}"
    if event.kind in _ONE_AT_A_TIME and event.event_ms != event.received_ms:
        return f"{prefix}:{event.event_ms}"
    return f"{prefix}:{hashlib.sha256(body).hexdigest()[:32]}"


def answer_body(answer: BookingAnswer) -> dict[str, Any]:
    """Made of the recorded answer alone, so that a repetition gets the same bytes."""
    return {
        "status": "accepted",
        "event": TRIGGERS[answer.kind],
        "booking_uid": None if answer.kind is BookingKind.LOST_MOVE else answer.booking_uid,
        "email": answer.email,
        "meeting_time": None if answer.meeting_time_ms is None else iso(answer.meeting_time_ms),
        "timestamp": iso(answer.received_ms),
    }
