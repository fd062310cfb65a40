"""A response written in one piece equals aiohttp's own, and treats the connection the same way."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.gateway.conftest import SIGNUP, Gateway, person


def a_signup(
    gateway: Gateway, path: str = SIGNUP, *, version: str = "1.1", header: str = "", name: str = "ada"
) -> bytes:
    body = json.dumps(person(name)).encode()
    signed = "".join(f"{field}: {value}\r\n" for field, value in gateway.headers(body).items())
    head = f"POST {path} HTTP/{version}\r\nHost: a\r\n{signed}Content-Length: {len(body)}\r\n{header}\r\n"
    return head.encode() + body


async def answers(gateway: Gateway, wire: bytes, number: int) -> tuple[list[tuple[str, dict[str, str], bytes]], bool]:
    """Return (`number` responses as (status line, headers, body), whether the connection then stays open)."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(gateway.url.rpartition(":")[2]))
    writer.write(wire)
    found = []
    for _ in range(number):
        status, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines)
        assert len(headers) == len(lines), "no header twice"
        found.append((status, headers, await reader.readexactly(int(headers["content-length"]))))
    writer.write(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
    is_kept = bool(await reader.read(1))
    writer.close()
    return found, is_kept


@pytest.mark.parametrize(
    ("version", "header", "connection", "kept"),
    [
        ("1.1", "", None, True),
        ("1.1", "Connection: close\r\n", "close", False),
        ("1.0", "", None, False),
        ("1.0", "Connection: keep-alive\r\n", "keep-alive", True),
    ],
)
async def test_keep_alive_follows_the_client(
    gateway: Gateway, version: str, header: str, connection: str | None, kept: bool
) -> None:
    [(status, headers, _)], is_kept = await answers(gateway, a_signup(gateway, version=version, header=header), 1)

    assert status == "HTTP/1.1 202 Accepted"
    assert (headers.get("connection"), is_kept) == (connection, kept)


async def test_direct_route_and_router_give_the_same_response(gateway: Gateway) -> None:
    first, second = a_signup(gateway), a_signup(gateway, f"{SIGNUP}?from=elsewhere")

    found, _ = await answers(gateway, first + second, 2)

    [(_, short, _), (_, long, body)] = found
    assert short.keys() == long.keys()
    for name in short.keys() - {"x-request-id", "date", "content-length"}:
        assert short[name] == long[name]
    assert short["x-request-id"] != long["x-request-id"]
    assert json.loads(body)["status"] == "duplicate"


async def test_expect_100_continue_is_answered(gateway: Gateway) -> None:
    wire = a_signup(gateway, header="Expect: 100-continue\r\n")
    reader, writer = await asyncio.open_connection("127.0.0.1", int(gateway.url.rpartition(":")[2]))
    head, _, body = wire.partition(b"\r\n\r\n")
    writer.write(head + b"\r\n\r\n")

    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(body)
    assert (await reader.readline()).startswith(b"HTTP/1.1 202")
    writer.close()


async def test_pipelined_requests_are_answered_in_order(gateway: Gateway) -> None:
    people = [f"p{number}" for number in range(10)]

    found, _ = await answers(gateway, b"".join(a_signup(gateway, name=name) for name in people), len(people))

    assert [f"{name}@example.org" for name in people] == [json.loads(body)["email"] for _, _, body in found]
