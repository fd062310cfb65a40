"""Rules of all three webhooks: signatures, limits of size and time, security headers."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from common.settings.load import load_settings
from common.settings.settings import SettingsError
from services.cli.signing import PATHS, headers_for
from services.gateway.http.body import FAILURES_PER_MINUTE
from services.gateway.validation.strict_json import DEPTH_MAX
from tests.gateway.conftest import Answer, Gateway, OpenGateway
from tests.gateway.fuzzing import GIVEN, ORIGINALS, RIGHT_SECRETS

KINDS = list(PATHS)
ALL = [
    *(("POST", path) for path in PATHS.values()),
    ("GET", "/health"),
    ("GET", "/ready"),
    ("GET", "/metrics"),
    ("GET", "/openapi.json"),
    ("GET", "/nowhere"),
]


@pytest.fixture
async def gateway(open_gateway: OpenGateway, store_url: str) -> Gateway:
    return await open_gateway(store_url, **{**GIVEN, "trusted_proxies": ""})


async def post_webhook(gateway: Gateway, kind: str, body: bytes, **more: str) -> Answer:
    signed = headers_for(kind, body, RIGHT_SECRETS, now_s=gateway.clock.now_ms() // 1000)
    return await gateway.request("POST", PATHS[kind], data=body, headers=signed | more)


async def wire(gateway: Gateway, *pieces: bytes, pause_s: float = 0) -> bytes:
    """Send these bytes piece by piece. Return the response once the gateway has closed the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(gateway.url.rpartition(":")[2]))
    answer = asyncio.create_task(reader.read())
    for piece in pieces:
        if not answer.done():
            writer.write(piece)
            await asyncio.sleep(pause_s)
    try:
        async with asyncio.timeout(60):
            return await answer
    except ConnectionError:
        return b""  # The gateway closed the connection while a piece was on its way.
    finally:
        writer.close()
        await asyncio.wait([asyncio.create_task(writer.wait_closed())])


def outcomes(kind: str, outcome: str) -> float:
    return REGISTRY.get_sample_value("advent_webhooks_total", {"kind": kind, "outcome": outcome}) or 0


@pytest.mark.parametrize("kind", KINDS)
async def test_a_genuine_request_is_accepted_by_each_webhook(gateway: Gateway, kind: str) -> None:
    before = outcomes(kind, "accepted")

    assert (await post_webhook(gateway, kind, json.dumps(ORIGINALS[kind][0]).encode())).status == 202
    assert outcomes(kind, "accepted") == before + 1


@pytest.mark.parametrize("kind", KINDS)
async def test_unsigned_requests_are_rate_limited_and_signed_ones_never(gateway: Gateway, kind: str) -> None:
    before = outcomes(kind, "unsigned"), outcomes(kind, "limited")
    answers = [
        await gateway.request("POST", PATHS[kind], data=b"{}", headers={"content-type": "application/json"})
        for _ in range(122)
    ]

    assert [answer.status for answer in answers] == [401] * FAILURES_PER_MINUTE + [429, 429]
    assert (outcomes(kind, "unsigned"), outcomes(kind, "limited")) == (before[0] + FAILURES_PER_MINUTE, before[1] + 2)
    assert (await post_webhook(gateway, kind, json.dumps(ORIGINALS[kind][0]).encode())).status == 202


@pytest.mark.parametrize("kind", KINDS)
async def test_each_webhook_accepts_only_its_own_signature(gateway: Gateway, kind: str) -> None:
    body = json.dumps(ORIGINALS[kind][0]).encode()
    for other in KINDS:
        signed = headers_for(other, body, RIGHT_SECRETS, now_s=gateway.clock.now_ms() // 1000)
        answer = await gateway.request("POST", PATHS[kind], data=body, headers=signed)

        assert (answer.status == 202) is (other == kind), other


@pytest.mark.parametrize("kind", ["signup", "resend"])
@pytest.mark.parametrize("skew_s", [-301, 301])
async def test_a_timestamp_too_far_from_now_is_refused(gateway: Gateway, kind: str, skew_s: int) -> None:
    body = json.dumps(ORIGINALS[kind][0]).encode()
    signed = headers_for(kind, body, RIGHT_SECRETS, now_s=gateway.clock.now_ms() // 1000 + skew_s)

    assert (await gateway.request("POST", PATHS[kind], data=body, headers=signed)).status == 401


@pytest.mark.parametrize("kind", KINDS)
async def test_a_body_that_is_too_long_is_refused(gateway: Gateway, kind: str) -> None:
    assert (await post_webhook(gateway, kind, b" " * (64 * 1024 + 1))).status == 413


@pytest.mark.parametrize("kind", ["calcom", "resend"])
@pytest.mark.parametrize(("levels", "status"), [(DEPTH_MAX - 1, 200), (DEPTH_MAX, 400), (20_000, 400)])
async def test_nesting_of_a_body_is_limited(gateway: Gateway, kind: str, levels: int, status: int) -> None:
    name = {"calcom": "triggerEvent", "resend": "type"}[kind]
    body = f'{{"{name}": "anything", "deep": {"[" * levels}{"]" * levels}}}'.encode()

    assert (await post_webhook(gateway, kind, body)).status == status


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("body", "status"), [(b"", 400), (b"{", 400), (b"\xff", 400), (b"[]", 422), (b'{"a":1,"a":2}', 400)]
)
async def test_a_body_that_is_not_an_object_is_refused(gateway: Gateway, kind: str, body: bytes, status: int) -> None:
    signed = headers_for(kind, body, RIGHT_SECRETS, now_s=gateway.clock.now_ms() // 1000)

    assert (await gateway.request("POST", PATHS[kind], data=body, headers=signed)).status == status
    kept = await gateway.context.intake.ledger.unread_bookings.read_all()
    # Cal.com does not send the event again, so it is stored for a person; nothing else is stored.
    assert len(kept) == (kind == "calcom")
    assert await gateway.key_count() == 2 * len(kept)


async def test_number_and_length_of_headers_are_limited(gateway: Gateway) -> None:
    start = f"POST {PATHS['calcom']} HTTP/1.1\r\nHost: a\r\n"
    many = "".join(f"x-{number}: 1\r\n" for number in range(200))

    for head in (f"{start}{many}", f"{start}x: {'y' * 9000}\r\n", f"GET /{'y' * 9000} HTTP/1.1\r\nHost: a\r\n"):
        answer = await wire(gateway, f"{head}\r\n".encode())
        assert answer.split(b" ")[1] == b"400"
        assert b"application/problem+json" in answer


@pytest.mark.parametrize(
    "pieces", [[b"POST /webh"], [b"G", b"E", b"T", b" ", b"/"] * 20, [b"GET /health HTTP/1.1\r\n", *[b"x: y\r\n"] * 50]]
)
async def test_a_head_that_does_not_arrive_in_time_is_cut_off(
    gateway: Gateway, pieces: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.web.server.HEAD_SECONDS_MAX", 0.1)
    began = time.monotonic()

    assert await wire(gateway, *pieces, pause_s=0.02) == b""
    assert time.monotonic() - began < 30
    assert (await gateway.request("GET", "/health")).status == 200


async def test_time_limit_of_a_second_request_head_starts_with_that_head(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.web.server.HEAD_SECONDS_MAX", 0.1)
    began = time.monotonic()

    answers = await wire(gateway, b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n", b"GET /hea", pause_s=0.05)

    assert answers.count(b"HTTP/1.1 200") == 1
    assert 0.15 <= time.monotonic() - began < 30


async def test_a_connection_may_be_idle_between_two_requests(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.web.server.HEAD_SECONDS_MAX", 0.2)
    request = b"GET /health HTTP/1.1\r\nHost: a\r\n"

    # Idle for longer than a head may take.
    answers = await wire(gateway, request + b"\r\n", request + b"Connection: close\r\n\r\n", pause_s=0.4)

    assert answers.count(b"HTTP/1.1 200") == 2


@pytest.mark.parametrize("kind", KINDS)
async def test_a_body_that_does_not_arrive_in_time_gets_408(
    gateway: Gateway, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.gateway.http.body.BODY_SECONDS_MAX", 0.05)
    head = f"POST {PATHS[kind]} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{{"

    response = await wire(gateway, head.encode())
    assert response.startswith(b"HTTP/1.1 408")
    assert b"connection: close" in response.lower()


@pytest.mark.parametrize(("method", "path"), ALL)
async def test_every_response_has_security_headers(gateway: Gateway, method: str, path: str) -> None:
    headers = (await gateway.request(method, path)).headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert (headers["Referrer-Policy"], headers["Cache-Control"]) == ("no-referrer", "no-store")
    assert (headers["Cross-Origin-Resource-Policy"], headers["Server"]) == ("same-origin", "advent")
    assert headers["X-Request-Id"]


@pytest.mark.parametrize(("method", "path"), ALL)
async def test_no_other_origin_may_read_a_response(gateway: Gateway, method: str, path: str) -> None:
    origin = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": method}
    asked = await gateway.request("OPTIONS", path, headers=origin)
    answer = await gateway.request(method, path, headers=origin)

    assert asked.status in (404, 405)
    assert not [name for name in (*asked.headers, *answer.headers) if name.lower().startswith("access-control-")]


REAL = {
    "RESEND_API_KEY": "re_123",
    "SECRET_KEY": "a key of sixteen bytes or more",
    "WEBHOOK_SECRET": GIVEN["webhook_secret"],
    "CALCOM_WEBHOOK_SECRET": "a secret of a calendar",
    "RESEND_WEBHOOK_SECRET": GIVEN["resend_webhook_secret"],
    "EMAIL_FROM": "Sarah <sarah@example.com>",
    "EMAIL_POSTAL_ADDRESS": "1 Main Street, Toronto",
    "BOOKING_URL": "https://cal.com/sarah/call",
    "PUBLIC_URL": "https://advent.example.com",
}


def load(environ: dict[str, str], folder: Path) -> Any:
    return load_settings(environ, env_file=folder / ".env")


@pytest.mark.parametrize("name", ["WEBHOOK_SECRET", "CALCOM_WEBHOOK_SECRET", "RESEND_WEBHOOK_SECRET"])
@pytest.mark.parametrize("value", [None, "", " ", ",", " , "])
def test_production_needs_a_secret_for_each_webhook(name: str, value: str | None, folder: Path) -> None:
    given = {key: text for key, text in REAL.items() if key != name} | ({} if value is None else {name: value})
    with pytest.raises(SettingsError) as refused:
        load(given, folder)

    assert all(line.startswith(f"{name}: ") for line in refused.value.problems)


@pytest.mark.parametrize("name", ["WEBHOOK_SECRET", "CALCOM_WEBHOOK_SECRET", "RESEND_WEBHOOK_SECRET", "SECRET_KEY"])
def test_secrets_come_from_files(name: str, folder: Path) -> None:
    file = folder / "secret"
    file.write_text(f"{REAL[name]}\n")
    given = {key: text for key, text in REAL.items() if key != name} | {f"{name}_FILE": str(file)}

    assert getattr(load(given, folder), name.lower()) == REAL[name]
