"""Requests of Cal.com and Resend, signed as the real providers sign theirs."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

from common.settings.settings import Settings
from services.cli.signing import headers_for
from tests.gateway.conftest import Answer, Gateway, secret

FIXTURES = Path(__file__).parents[1] / "fixtures"
CALCOM, RESEND = "/webhook/calcom-booking", "/webhook/resend"
CALCOM_SECRET = "calsecret"
RESEND_SECRET = secret("r")
SECRETS = {"calcom_webhook_secret": CALCOM_SECRET, "resend_webhook_secret": RESEND_SECRET}
SIGNING = Settings(**SECRETS)


def fixture(name: str) -> dict[str, Any]:
    """Return a recorded payload of Cal.com: `booking_created`, `ping`, …"""
    payload: dict[str, Any] = json.loads((FIXTURES / f"calcom_{name}.json").read_text())
    return payload


def resend_events() -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = json.loads((FIXTURES / "resend_webhook_events.json").read_text())
    return events


def calcom_signature(body: bytes, key: str = CALCOM_SECRET) -> str:
    return hmac.new(key.encode(), body, hashlib.sha256).hexdigest()


async def post_calcom(gateway: Gateway, payload: Any, **headers: str) -> Answer:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    signed = {"Content-Type": "application/json", "X-Cal-Signature-256": calcom_signature(body)}
    return await gateway.request("POST", CALCOM, data=body, headers=signed | headers)


async def post_resend(gateway: Gateway, payload: Any, *, id: str | None = None, **headers: str) -> Answer:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    signed = headers_for("resend", body, SIGNING, now_s=gateway.clock.now_ms() // 1000, message_id=id)
    return await gateway.request("POST", RESEND, data=body, headers=signed | headers)


def svix_signature(body: bytes, *, id: str, at: str, key: str = RESEND_SECRET) -> str:
    mac = hmac.digest(base64.b64decode(key.removeprefix("whsec_")), f"{id}.{at}.".encode() + body, "sha256")
    return f"v1,{base64.b64encode(mac).decode()}"
