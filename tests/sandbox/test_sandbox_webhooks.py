"""Delivery events, posted to a fake gateway: signed, in order or not, once or more, until they are accepted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import resend
from aiohttp import web
from aiohttp.test_utils import TestServer

from common.clock import SystemClock
from tests.sandbox.mails import send, to_ada
from tests.sandbox.running import RunningSandbox, resend_sdk_at, running

SECRET = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


@dataclass
class Receiver:
    """Records what is posted; responds 503 to the first `refusing` requests."""

    url: str = ""
    refusing: int = 0
    posted: list[tuple[dict[str, str], str]] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def receive(self, request: web.Request) -> web.Response:
        self.posted.append((dict(request.headers), await request.text()))
        self.changed.set()
        self.refusing -= 1
        return web.Response(status=503 if self.refusing >= 0 else 200)

    async def takes(self, number: int) -> list[tuple[dict[str, str], dict[str, Any]]]:
        async with asyncio.timeout(60):
            while len(self.posted) < number:
                self.changed.clear()
                await self.changed.wait()
        return [(headers, json.loads(body)) for headers, body in self.posted]


@pytest.fixture
async def gateway() -> AsyncIterator[Receiver]:
    receiver, app = Receiver(), web.Application()
    app.router.add_post("/webhook/resend", receiver.receive)
    async with TestServer(app) as server:
        receiver.url = str(server.make_url("")).rstrip("/")
        yield receiver


@pytest.fixture
async def run(gateway: Receiver, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RunningSandbox]:
    # The SDK checks the signature's age by the machine's clock, so the sandbox needs that clock too.
    async with running(clock=SystemClock(), gateway_url=gateway.url, webhook_secret=SECRET) as started:
        resend_sdk_at(started, monkeypatch)
        started.sandbox.board.change({"webhooks": True})
        yield started


def verified(headers: dict[str, str], body: str) -> Any:
    lowered = {name.lower(): value for name, value in headers.items()}
    signed = {part: lowered[f"svix-{part}"] for part in ("id", "timestamp", "signature")}
    return resend.Webhooks.verify({"payload": body, "headers": signed, "webhook_secret": SECRET})  # type: ignore[typeddict-item]


async def test_events_of_a_delivered_mail_are_posted_in_order_and_verified_by_the_sdk(
    run: RunningSandbox, gateway: Receiver
) -> None:
    mail_id = await send(to_ada())
    reported = await gateway.takes(2)

    assert [body["type"] for _, body in reported] == ["email.sent", "email.delivered"]
    data = reported[0][1]["data"]
    assert (data["email_id"], data["tags"], data["to"]) == (mail_id, {"delivery": "step-1"}, ["Ada@Salon.example"])
    assert {"name": "List-Unsubscribe-Post", "value": "List-Unsubscribe=One-Click"} in data["headers"]
    assert data["created_at"].endswith("+00:00")
    for headers, body in gateway.posted:
        assert verified(headers, body)["data"]["email_id"] == mail_id


async def test_a_bounce_has_its_type(run: RunningSandbox, gateway: Receiver) -> None:
    await send(to_ada(to="bounced@resend.dev"))
    reported = await gateway.takes(2)

    assert (reported[1][1]["type"], reported[1][1]["data"]["bounce"]["type"]) == ("email.bounced", "Permanent")


async def test_a_suppressed_mail_has_its_own_event(run: RunningSandbox, gateway: Receiver) -> None:
    await send(to_ada(to="suppressed@resend.dev"))
    ((_, body),) = await gateway.takes(1)

    assert (body["type"], body["data"]["suppressed"]["type"]) == ("email.suppressed", "OnAccountSuppressionList")


async def test_event_is_posted_again_with_its_id_until_accepted(run: RunningSandbox, gateway: Receiver) -> None:
    gateway.refusing = 1
    await send(to_ada(to="suppressed@resend.dev"))
    await gateway.takes(1)
    async with run.http.post(f"{run.url}/clock", json={"advance_seconds": 6}):
        reported = await gateway.takes(2)

    assert reported[0][0]["svix-id"] == reported[1][0]["svix-id"]
    assert reported[0][1] == reported[1][1]


async def test_events_are_posted_twice_with_the_dial(run: RunningSandbox, gateway: Receiver) -> None:
    run.sandbox.board.change({"webhook_copies": 2})
    await send(to_ada())
    reported = await gateway.takes(4)

    assert len({headers["svix-id"] for headers, _ in reported}) == 2


async def test_events_are_posted_out_of_order_with_the_dial(run: RunningSandbox, gateway: Receiver) -> None:
    run.sandbox.board.change({"webhook_shuffled": True})
    await send(to_ada())

    assert [body["type"] for _, body in await gateway.takes(2)] == ["email.delivered", "email.sent"]


async def test_bad_signature_dial_makes_the_sdk_reject_an_event(run: RunningSandbox, gateway: Receiver) -> None:
    run.sandbox.board.change({"webhook_bad_signatures": True})
    await send(to_ada())
    await gateway.takes(1)

    with pytest.raises(ValueError, match="signature"):
        verified(*gateway.posted[0])


async def test_no_event_is_posted_without_the_webhooks_dial(run: RunningSandbox, gateway: Receiver) -> None:
    run.sandbox.board.change({"webhooks": False})
    await send(to_ada())
    run.sandbox.board.change({"webhooks": True})
    await send(to_ada(to="suppressed@resend.dev"))

    assert [body["type"] for _, body in await gateway.takes(1)] == ["email.suppressed"]
