"""Calls as Cal.com reports them: recorded events, and what a simulation makes of them."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime
from pathlib import Path
from typing import Any

from common.domain.booking import BookingEvent
from common.domain.ids import EnrollmentId, enrollment_id
from common.ledger.bookings import ReportedCall
from services.gateway.events import IgnoredEvent
from services.gateway.webhooks.calcom_event import event_of
from services.gateway.webhooks.calcom_payload import ReceivedWebhook
from services.simulation.engine import Simulation

CASES = Path(__file__).parent / "fixtures" / "cases"
HOUR_MS = 3_600_000
ADA, BOB = "ada@example.com", "bob@example.com"


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


START_MS = ms("2026-12-03T18:00:00Z")


def case(name: str) -> list[dict[str, Any]]:
    [path] = CASES.glob(f"{name}_*.json")
    body = json.loads(path.read_text())
    return body if isinstance(body, list) else [body]


def contact(address: str) -> EnrollmentId:
    return enrollment_id("christmas_2025", address)


def parse_event(sent: dict[str, Any], *, received_ms: int, types: Collection[str] = ()) -> BookingEvent | IgnoredEvent:
    """Return the event in the body of Cal.com's webhook."""
    return event_of(ReceivedWebhook.of(sent), received_ms=received_ms, types=types)


async def post(simulation: Simulation, *bodies: dict[str, Any]) -> None:
    """Receive each event at the time in its body, or now if that has passed."""
    for body in bodies:
        await simulation.run(until_ms=max(simulation.clock.now_ms(), ms(body["createdAt"])))
        await simulation.receive(parse_event(body, received_ms=simulation.clock.now_ms(), types=()))


def cancelled(body: dict[str, Any], at: str, **changes: Any) -> dict[str, Any]:
    return {"triggerEvent": "BOOKING_CANCELLED", "createdAt": at, "payload": {**body["payload"], **changes}}


def mails(simulation: Simulation, address: str) -> list[tuple[str, str]]:
    """Return (name of the reminder, text) of each reminder that arrived."""
    return [(mail.tags["reminder"], mail.text) for mail in simulation.mailer.inbox_of(address)]


async def calls(simulation: Simulation, address: str) -> list[ReportedCall]:
    return [call async for call in simulation.ledger.bookings.calls(contact(address))]
