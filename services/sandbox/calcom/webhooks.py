"""
Cal.com's webhooks, posted as its WebhookService posts them: signed over the raw body, and never repeated.

The bodies have the shape of `tests/fixtures/calcom_*.json`, without the members that no receiver reads.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Collection
from typing import Any

import aiohttp

from common.clock import iso
from common.observability.logs import get_logger
from services.sandbox.calcom.bookings import Row, minutes_of
from services.sandbox.state import Sandbox

TRIGGERS = (
    "BOOKING_CREATED", "BOOKING_REQUESTED", "BOOKING_RESCHEDULED", "BOOKING_CANCELLED", "BOOKING_REJECTED",
    "BOOKING_REASSIGNED", "BOOKING_LOCATION_UPDATED", "BOOKING_NO_SHOW_UPDATED", "MEETING_STARTED", "MEETING_ENDED",
)  # fmt: skip
VERSION = "2021-10-20"
RESPONSE_SECONDS_MAX = 15

log = get_logger(__name__)


async def post_event(sandbox: Sandbox, trigger: str, row: Row, **more: Any) -> int | None:
    """
    Post an event and return the gateway's status.

    Return None when the event is not posted or the gateway does not respond. The event is then lost, as at Cal.com.
    """
    if trigger not in _triggers(sandbox):
        return None
    event = {"triggerEvent": trigger, "createdAt": iso(sandbox.clock.now_ms()), "payload": {**_payload(row), **more}}
    body = json.dumps(event).encode()
    headers = {
        "content-type": "application/json",
        "X-Cal-Signature-256": _signature(sandbox.calcom_secret, body),
        "X-Cal-Webhook-Version": VERSION,
    }
    url, timeout = _url(sandbox), aiohttp.ClientTimeout(total=RESPONSE_SECONDS_MAX)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(url, data=body, headers=headers) as answer,
        ):
            return answer.status
    except (aiohttp.ClientError, TimeoutError) as failure:
        log.warning("notification_failed", webhook_id=row["uid"], failure=type(failure).__name__)
        return None


def webhook_shape(sandbox: Sandbox) -> Row:
    """Return the webhook as `GET /v2/webhooks` lists it."""
    return {
        "id": "2b1f0d3e-6c1a-4a53-9a0e-0f6d5f1a7c11",
        "userId": 1,
        "subscriberUrl": _url(sandbox),
        "triggers": list(_triggers(sandbox)),
        "active": True,
        "payloadTemplate": None,
        "version": VERSION,
    }


def _triggers(sandbox: Sandbox) -> Collection[str]:
    return TRIGGERS if sandbox.dials.calcom_triggers is None else sandbox.dials.calcom_triggers


def _url(sandbox: Sandbox) -> str:
    return f"{sandbox.gateway_url}/webhook/calcom-booking"


def _signature(secret: str | None, body: bytes) -> str:
    return "no-secret-provided" if secret is None else hmac.digest(secret.encode(), body, "sha256").hex()


def _payload(row: Row) -> Row:
    payload = {
        "uid": row["uid"],
        "bookingId": row["id"],
        "iCalUID": row["icsUid"],
        "title": row["title"],
        "type": row["eventType"]["slug"],
        "eventTypeId": row["eventTypeId"],
        "startTime": row["start"],
        "endTime": row["end"],
        "length": minutes_of(row),
        "status": str(row["status"]).upper(),
        "location": "integrations:daily",
        "metadata": {"videoCallUrl": row["meetingUrl"]},
        "organizer": row["hosts"][0],
        "attendees": [_attendee(who) for who in row["attendees"]],
        "responses": _responses(row),
    }
    moved_from = row.get("rescheduledFromUid")
    return payload if moved_from is None else {**payload, "rescheduleUid": moved_from}


def _responses(row: Row) -> Row:
    answers = {"email": row["attendees"][0]["email"], **row.get("bookingFieldsResponses", {})}
    return {name: {"label": name, "value": value, "isHidden": False} for name, value in answers.items()}


def _attendee(who: Row) -> Row:
    return {"email": who["email"], "name": who["name"], "timeZone": who["timeZone"], "noShow": who["absent"]}
