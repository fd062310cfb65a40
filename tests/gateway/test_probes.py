"""`/health`, `/ready` and `/metrics`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from common.clock import iso
from common.store.embedded import EmbeddedStore
from tests.gateway.conftest import Gateway, OpenGateway, person


async def test_a_running_process_is_healthy(gateway: Gateway) -> None:
    answer = await gateway.request("GET", "/health")

    assert (answer.status, answer.json) == (
        200,
        {
            "status": "healthy",
            "timestamp": iso(gateway.clock.now_ms()),
            "environment": {"testing_mode": False, "notion_configured": False, "resend_configured": False},
        },
    )


async def test_gateway_is_ready_while_the_store_or_the_spool_accepts_events(
    open_gateway: OpenGateway, own_store: EmbeddedStore, folder: Path
) -> None:
    gateway = await open_gateway(own_store.url)
    spool = folder / "spool"

    async def state() -> tuple[int, str, str]:
        answer = await gateway.request("GET", "/ready")
        seen = answer.json["dependencies"]
        assert {"notion", "resend"} < set(seen)
        return answer.status, seen["store"]["status"], seen["spool"]["status"]

    assert await state() == (200, "up", "writable")
    own_store.stop()
    assert await state() == (200, "down", "writable")
    spool.rmdir()
    spool.write_text("in the way")
    assert await state() == (503, "down", "File exists")
    assert (await gateway.sign_up(person("ada"))).status == 503
    own_store.start()
    assert await state() == (200, "up", "File exists")
    spool.unlink()


async def test_metrics_are_in_prometheus_text_format(gateway: Gateway) -> None:
    await gateway.sign_up(person("ada"))
    await gateway.sign_up(person("ada", assessment_score=101))

    answer = await gateway.request("GET", "/metrics")

    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    for line in ('advent_webhooks_total{kind="signup",outcome="accepted"}', 'kind="signup",outcome="invalid"'):
        assert line in answer.body.decode()
    assert "advent_webhook_seconds_bucket" in answer.body.decode()
    assert "ada" not in answer.body.decode()


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        ("POST /webhook/christmas-signup HTTP/1.1\r\nHost: x\r\nExpect: the-moon\r\nContent-Length: 2\r\n\r\n{}", 417),
        ("GET /health HTTP/1.1\r\nHost: x\r\nExpect: the-moon\r\n\r\n", 417),
        ("GET /health HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n", 400),
        ("nonsense\r\n\r\n", 400),
    ],
)
async def test_errors_before_any_handler_are_problem_json_without_a_server_version(
    request_head: str, status: int, gateway: Gateway
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(gateway.url).port)
    writer.write(request_head.encode())
    head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)).decode().lower()
    writer.close()
    await writer.wait_closed()

    assert head.startswith(f"http/1.1 {status} ") or head.startswith(f"http/1.0 {status} ")
    assert "content-type: application/problem+json" in head
    assert "x-content-type-options: nosniff" in head
    assert "\nserver: advent\r" in head
