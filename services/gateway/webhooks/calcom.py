"""`POST /webhook/calcom-booking`: what happens to booked calls, from Cal.com."""

from __future__ import annotations

import hashlib
from time import perf_counter
from typing import Any

from aiohttp import web

from common.clock import iso
from common.domain.booking import BookingEvent, BookingKind
from common.domain.ids import booking_id
from common.ledger.bookings import BookingAnswer
from common.observability import metrics
from services.gateway.body import read_body
from services.gateway.door import DOOR, Door
from services.gateway.events import BookingReceived
from services.gateway.problem import Problem
from services.gateway.replies import Ignored, Reply, reply
from services.gateway.trace import TRACE
from services.gateway.webhooks.calcom_payload import TRIGGERS, read
from services.gateway.webhooks.strict_json import read_shallow

_SECONDS = metrics.WEBHOOK_SECONDS.labels("calcom")
_ONCE = frozenset(BookingKind) - {BookingKind.NO_SHOW, BookingKind.ENDED}
"""Of these, one booking has one event an instant; a no-show may be marked and taken back within it."""


def verify(door: Door, request: web.Request, body: bytes, *, now_ms: int) -> None:
    """Raises Problem: 401, or 429 when this source failed too often."""
    try:
        door.calcom.verify(request.headers, body)
    except Problem:
        door.failures.count(request, now_ms=now_ms)
        raise


def parse(door: Door, body: bytes, *, received_ms: int) -> BookingReceived | Ignored:
    """What was told. Raises Problem: 400 for no JSON, 422 with every field at fault."""
    event = read(read_shallow(body), received_ms=received_ms, types=door.settings.calcom_types)
    if isinstance(event, Ignored):
        return event
    return BookingReceived(webhook_id=webhook_id(event, body), event=event)


async def receive(request: web.Request) -> Reply:
    """Verify, parse, keep: 202 for what is kept, 200 for what changes nothing; the same again for the same event."""
    started = perf_counter()
    door = request.app[DOOR]
    # Its content type is not asked for: Cal.com calls JSON a form when its webhook has a template.
    body = await read_body(request)
    received_ms = door.clock.now_ms()
    verify(door, request, body, now_ms=received_ms)
    received, trace = parse(door, body, received_ms=received_ms), TRACE.get()
    if isinstance(received, Ignored):
        trace.outcome = "ignored"
        return received.response()
    told, trace.outcome = await door.intake.book(received)
    _SECONDS.observe(perf_counter() - started)
    return reply(202, answer(told))


def webhook_id(event: BookingEvent, body: bytes) -> str:
    """By what a repetition is known, since Cal.com gives its webhooks no id: `calcom:BOOKING_CREATED:bkg_…:instant`."""
    about = f"calcom:{TRIGGERS[event.kind]}:{booking_id(event.uid)}"
    if event.kind in _ONCE and event.event_ms != event.received_ms:
        return f"{about}:{event.event_ms}"
    return f"{about}:{hashlib.sha256(body).hexdigest()[:32]}"


def answer(told: BookingAnswer) -> dict[str, Any]:
    """Made of what was remembered and nothing else, so that a repetition gets the same bytes."""
    return {
        "status": "accepted",
        "event": TRIGGERS[told.kind],
        "booking_uid": told.booking_uid,
        "email": told.email,
        "meeting_time": None if told.meeting_time_ms is None else iso(told.meeting_time_ms),
        "timestamp": iso(told.received_ms),
    }
