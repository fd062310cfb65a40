"""Two stand-ins for Cal.com: signed webhook payloads, and the sandbox's calendar, whose webhooks may be lost."""

from __future__ import annotations

import hmac
import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.acceptance.http import Answer, request
from tests.acceptance.place import SECRETS, Place

_FIXTURES = Path(__file__).parents[1] / "fixtures"


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def reported(name: str, *, start_ms: int | None = None, minutes: float = 30) -> dict[str, Any]:
    """Return a webhook fixture (`booking_created`) dated now; its meeting, if any, starts at `start_ms`."""
    body: dict[str, Any] = json.loads((_FIXTURES / f"calcom_{name}.json").read_text())
    if "payload" in body:
        body["createdAt"] = iso(now_ms())
    where = body.get("payload", body)
    if start_ms is not None and "startTime" in where:
        where |= {"startTime": iso(start_ms), "endTime": iso(start_ms + round(minutes * 60_000))}
    return body


def post(place: Place, body: dict[str, Any]) -> Answer:
    """Post the payload to the gateway with Cal.com's signature over its bytes."""
    raw = json.dumps(body).encode()
    signature = hmac.digest(SECRETS["CALCOM_WEBHOOK_SECRET"].encode(), raw, "sha256").hex()
    headers = {"content-type": "application/json", "x-cal-signature-256": signature}
    return request("POST", f"{place.gateway_url}/webhook/calcom-booking", raw, headers)


def does(place: Place, what: str = "", **given: Any) -> dict[str, Any]:
    """Book at the sandbox's calendar, or change a booking (`/uid/cancel`). Return the row of the booking."""
    answer = request("POST", f"{place.sandbox.url}/calcom/_bookings{what}", json.dumps(given).encode())
    assert answer.status == 200, answer.body
    row: dict[str, Any] = answer.json
    return row
