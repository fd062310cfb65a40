"""
Measures signups a second, durable and signed, relative to an aiohttp handler with one `redis.asyncio` SET a request.

    python benchmarks/gateway.py [--requests 4000] [--rounds 5] [--connections 64]

Each server runs on uvloop in its own process; both use one store, which syncs each write. They get the same kind of
requests over as many keep-alive connections, in turn, so that other load on the machine affects both equally. The ratio
is the median of the rounds. Prints JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hmac
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvloop

from common.clock import SystemClock
from common.store.clients import connect
from common.store.embedded import EmbeddedStore

KEY = b"k" * 32
PATH = "/webhook/christmas-signup"


def serve_advent(store_url: str, port: int, folder: str) -> None:
    """Run the gateway as in production, including its log lines."""
    from common.settings.settings import Settings
    from services.gateway.__main__ import run

    secret = "whsec_" + base64.b64encode(KEY).decode()
    settings = Settings(
        redis_url=store_url,
        gateway_port=port,
        data_dir=Path(folder),
        secret_key="s" * 32,
        webhook_secret=secret,
        log_format="json",
    )
    sys.exit(run(settings))


def serve_bare(store_url: str, port: int, _folder: str) -> None:
    """Run the server for comparison: no signature, no check, no log. It stores each body under a new key."""
    import redis.asyncio
    from aiohttp import web

    async def build() -> web.Application:
        client = redis.asyncio.Redis.from_url(store_url)

        async def receive(request: web.Request) -> web.Response:
            await client.set(request.headers["webhook-id"], await request.read())
            return web.json_response({"status": "accepted"}, status=202)

        app = web.Application()
        app.add_routes([web.post(PATH, receive)])
        return app

    uvloop.install()
    web.run_app(build(), host="127.0.0.1", port=port, access_log=None, print=None, loop=uvloop.new_event_loop())


SERVERS = {"advent": serve_advent, "bare": serve_bare}


def signed_requests(number: int, name: str) -> list[bytes]:
    """Return the signups of `number` people, each as the bytes of an HTTP request."""
    seconds = SystemClock().now_ms() // 1000
    return [_signed(f"msg_{name}_{index}", f"{name}-{index}@example.com", seconds) for index in range(number)]


def _signed(message_id: str, email: str, seconds: int) -> bytes:
    person = {
        "email": email,
        "first_name": "Ada",
        "business_name": "Salon Ada",
        "assessment_score": 42,
        "red_systems": 2,
        "orange_systems": 3,
        "yellow_systems": 2,
        "green_systems": 1,
        "gps_score": 35,
        "money_score": 50,
        "weakest_system_1": "GPS",
        "weakest_system_2": "FUEL",
        "strongest_system": "ENGINE",
        "revenue_leak_total": 14_500,
        "timezone": "America/Toronto",
        "locale": "en-CA",
    }
    body = json.dumps(person).encode()
    mac = hmac.digest(KEY, f"{message_id}.{seconds}.".encode() + body, "sha256")
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nwebhook-id: {message_id}\r\nwebhook-timestamp: {seconds}\r\n"
        f"webhook-signature: v1,{base64.b64encode(mac).decode()}\r\n\r\n"
    )
    return head.encode() + body


class Client(asyncio.Protocol):
    """One keep-alive connection. It sends the next request as soon as the last one got a 202 response."""

    def __init__(self, requests: Iterator[bytes], latencies: list[float], ended: asyncio.Future[None]) -> None:
        self.requests, self.latencies, self.ended = requests, latencies, ended
        self.received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self._next()

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, blank, body = self.received.partition(b"\r\n\r\n")
        if not blank or len(body) < int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]):
            return
        if not head.startswith(b"HTTP/1.1 202"):
            self._end(RuntimeError(self.received.decode()))
            return
        self.latencies.append(time.perf_counter() - self.sent)
        self.received = b""
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(exc or ConnectionError("the server closed the connection"))

    def _next(self) -> None:
        request = next(self.requests, None)
        if request is None:
            self._end(None)
            return
        self.sent = time.perf_counter()
        self.transport.write(request)  # type: ignore[attr-defined]  # a TCP transport is a WriteTransport

    def _end(self, error: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_exception(error) if error else self.ended.set_result(None)
        self.transport.close()


async def load(port: int, requests: list[bytes], connections: int) -> dict[str, float]:
    """Send all requests over this number of connections. Return requests a second and latencies in milliseconds."""
    loop = asyncio.get_running_loop()
    latencies: list[float] = []
    waiting = iter(requests)
    ends = [loop.create_future() for _ in range(connections)]
    began = time.perf_counter()
    for end in ends:
        await loop.create_connection(lambda end=end: Client(waiting, latencies, end), "127.0.0.1", port)  # type: ignore[misc]
    await asyncio.gather(*ends)
    seconds = time.perf_counter() - began
    cuts = statistics.quantiles(latencies, n=100)
    return {"rps": len(requests) / seconds, "p50_ms": cuts[49] * 1000, "p99_ms": cuts[98] * 1000}


@contextmanager
def served(kind: str, store_url: str, folder: Path) -> Iterator[tuple[int, int]]:
    """Start a server in its own process and wait until it listens. Yield its port and process id."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    with (folder / f"{kind}.log").open("wb") as log:
        command = [sys.executable, __file__, "serve", kind, store_url, str(port), str(folder)]
        process = subprocess.Popen(command, stderr=log, stdout=log)
        try:
            _wait_for(port, process)
            yield port, process.pid
        finally:
            process.terminate()
            process.wait(30)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(1_000):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode}")
        time.sleep(0.02)
    raise RuntimeError("the server does not listen")


def _processor_s(pid: int) -> float:
    """Return the processor time of a process, in seconds, which other load does not increase; 0 without /proc."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(*, requests: int, rounds: int, connections: int) -> dict[str, object]:
    """
    Measure both servers in turn, after one round of warm-up.

    `ratio`: Advent's signups a second, divided by the bare handler's; the median of the rounds.
    """
    results: dict[str, list[dict[str, float]]] = {kind: [] for kind in SERVERS}
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        store = EmbeddedStore(folder / "store")
        store.start()
        try:
            with served("advent", store.url, folder) as ours, served("bare", store.url, folder) as bare:
                for number in range(-1, rounds):
                    for kind, (port, pid) in (("advent", ours), ("bare", bare)):
                        with connect(store.url) as client:
                            client.flushall()
                        count = requests if number >= 0 else min(requests, 500)
                        before_s = _processor_s(pid)
                        result = uvloop.run(load(port, signed_requests(count, f"r{number + 1}"), connections))
                        result["cpu_us"] = (_processor_s(pid) - before_s) / count * 1e6
                        if number >= 0:
                            results[kind].append(result)
        finally:
            store.stop()
    return _summary(results)


def _summary(results: dict[str, list[dict[str, float]]]) -> dict[str, object]:
    ratios = [ours["rps"] / bare["rps"] for ours, bare in zip(results["advent"], results["bare"], strict=True)]
    medians = {
        kind: {name: round(statistics.median(one[name] for one in rounds), 2) for name in rounds[0]}
        for kind, rounds in results.items()
    }
    return {"ratio": round(statistics.median(ratios), 3), "ratios": [round(ratio, 3) for ratio in ratios], **medians}


def main(arguments: list[str] | None = None) -> int:
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["serve"]:
        kind, store_url, port, folder = arguments[1:]
        SERVERS[kind](store_url, int(port), folder)
        return 0
    parser = argparse.ArgumentParser(description="signups a second, relative to a handler with one SET a request")
    parser.add_argument("--requests", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=64)
    options = parser.parse_args(arguments)
    sys.stdout.write(json.dumps(measure(**vars(options)), indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
