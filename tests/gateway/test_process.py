"""The gateway's process starts without the store, stops on SIGTERM, and loses nothing when it is killed."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import aiohttp
import pytest

from common.clock import SystemClock
from common.store.clients import connect
from common.store.embedded import EmbeddedStore
from tests.acceptance.place import free_ports
from tests.gateway.conftest import SECRET_KEY, SIGNUP, person, secret

pytestmark = pytest.mark.acceptance


class Gateway:
    """A process of `python -m services.gateway`, and its address."""

    def __init__(self, store_url: str, folder: Path, **environment: str) -> None:
        (port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{port}"
        given = {
            "REDIS_URL": store_url,
            "DATA_DIR": str(folder),
            "GATEWAY_PORT": str(port),
            "WEBHOOK_SECRET": secret(),
            "SECRET_KEY": SECRET_KEY,
            "PATH": os.environ["PATH"],
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "services.gateway"], env=given | environment, stderr=subprocess.PIPE, text=True
        )

    async def listens(self, http: aiohttp.ClientSession) -> None:
        while True:
            try:
                async with http.get(self.url + "/health"):
                    return
            except aiohttp.ClientConnectionError:
                assert self.process.poll() is None, "the gateway ended at once"
                await asyncio.sleep(0.02)

    async def refuses(self, http: aiohttp.ClientSession) -> None:
        """Wait until the gateway accepts no more connections."""
        while True:
            try:
                async with http.get(self.url + "/health"):
                    await asyncio.sleep(0.01)
            except aiohttp.ClientConnectionError:
                return

    def ended(self) -> tuple[int, str]:
        """Wait for the end of the process. Return (exit status, stderr)."""
        _, said = self.process.communicate(timeout=30)
        return self.process.returncode, said


Starter = Callable[..., Gateway]


@pytest.fixture
def starts(folder: Path) -> Iterator[Starter]:
    started: list[Gateway] = []

    def start(store_url: str, **environment: str) -> Gateway:
        started.append(Gateway(store_url, folder, **environment))
        return started[-1]

    yield start
    for gateway in started:
        gateway.process.kill()
        gateway.process.communicate()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def sign_up(http: aiohttp.ClientSession, gateway: Gateway, name: str) -> tuple[int, bytes]:
    body, seconds = json.dumps(person(name)).encode(), SystemClock().now_ms() // 1000
    key = base64.b64decode(secret().removeprefix("whsec_"))
    mac = hmac.digest(key, f"msg_{name}.{seconds}.".encode() + body, "sha256")
    headers = {
        "webhook-id": f"msg_{name}",
        "webhook-timestamp": str(seconds),
        "webhook-signature": "v1," + base64.b64encode(mac).decode(),
        "content-type": "application/json",
    }
    async with http.post(gateway.url + SIGNUP, data=body, headers=headers) as response:
        return response.status, await response.read()


async def test_a_killed_gateway_without_a_store_loses_nothing(
    starts: Starter, own_store: EmbeddedStore, http: aiohttp.ClientSession
) -> None:
    own_store.stop()
    first = starts(own_store.url)
    await first.listens(http)
    answers = await asyncio.gather(*(sign_up(http, first, f"person{number}") for number in range(40)))
    first.process.kill()
    first.ended()

    second = starts(own_store.url)
    await second.listens(http)
    assert {status for status, _ in answers} == {202}
    assert await sign_up(http, second, "person7") == answers[7]
    own_store.start()
    with connect(own_store.url) as store:
        while store.zcard("{advent}:under_way") < 40:
            await asyncio.sleep(0.02)
        assert await sign_up(http, second, "person7") == answers[7]
        assert store.zcard("{advent}:under_way") == 40


async def test_sigterm_answers_requests_in_flight_and_exits_with_0(
    starts: Starter, own_store: EmbeddedStore, http: aiohttp.ClientSession
) -> None:
    gateway = starts(own_store.url)
    await gateway.listens(http)
    accepted: set[str] = set()

    async def keeps_signing_up(name: str) -> None:
        for number in range(1_000):
            try:
                status, _ = await sign_up(http, gateway, f"{name}{number}")
            except aiohttp.ClientError:
                return  # Without a response, the signup was not accepted.
            assert status == 202
            accepted.add(f"{name}{number}")

    streams = asyncio.gather(*(keeps_signing_up(name) for name in "abcdefgh"))
    while len(accepted) < 50:
        await asyncio.sleep(0.01)
    gateway.process.terminate()
    await streams

    status, said = gateway.ended()
    assert (status, "Traceback" in said) == (0, False)
    with connect(own_store.url) as store:
        assert store.zcard("{advent}:under_way") >= len(accepted)


async def test_stop_waits_for_a_request_body_that_is_still_arriving(
    starts: Starter, own_store: EmbeddedStore, http: aiohttp.ClientSession
) -> None:
    gateway = starts(own_store.url)
    await gateway.listens(http)
    reader, writer = await asyncio.open_connection("127.0.0.1", int(gateway.url.rpartition(":")[2]))
    writer.write(b"POST /unsubscribe/x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\na")
    await writer.drain()
    async with http.get(gateway.url + "/health"):
        gateway.process.terminate()
    await gateway.refuses(http)

    writer.write(b"b")
    answer = await reader.read()
    writer.close()

    assert b" 404 " in answer.partition(b"\r\n")[0]
    assert gateway.ended()[0] == 0


@pytest.mark.parametrize(
    ("environment", "line"),
    [
        ({"WEBHOOK_SECRET": "hunter2"}, "WEBHOOK_SECRET: "),
        ({"SECRET_KEY": ""}, "SECRET_KEY: "),
        ({"CAMPAIGN": "easter"}, "CAMPAIGN=easter: "),
        ({"REDIS_URL": ""}, "REDIS_URL: "),
        ({"TRUSTED_PROXIES": "everybody"}, "TRUSTED_PROXIES: "),
    ],
)
async def test_invalid_setting_stops_the_gateway_with_one_line(
    starts: Starter, store_url: str, environment: dict[str, str], line: str
) -> None:
    status, said = starts(store_url, **environment).ended()

    assert (status, said.count("\n")) == (1, 1)
    assert said.startswith(line)
    assert "hunter2" not in said
