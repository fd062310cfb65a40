"""An answer that is written in one piece is what aiohttp would have written, and keeps the connection as it would."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.gateway.conftest import SIGNUP, Site, person


def a_signup(site: Site, path: str = SIGNUP, *, version: str = "1.1", header: str = "", name: str = "ada") -> bytes:
    body = json.dumps(person(name)).encode()
    signed = "".join(f"{field}: {value}\r\n" for field, value in site.headers(body).items())
    head = f"POST {path} HTTP/{version}\r\nHost: a\r\n{signed}Content-Length: {len(body)}\r\n{header}\r\n"
    return head.encode() + body


async def answers(site: Site, wire: bytes, number: int) -> tuple[list[tuple[str, dict[str, str], bytes]], bool]:
    """So many answers (status line, headers, body) to these bytes; and whether the connection is kept after them."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(site.url.rpartition(":")[2]))
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
async def test_a_connection_is_kept_as_the_client_wishes(
    site: Site, version: str, header: str, connection: str | None, kept: bool
) -> None:
    [(status, headers, _)], is_kept = await answers(site, a_signup(site, version=version, header=header), 1)

    assert status == "HTTP/1.1 202 Accepted"
    assert (headers.get("connection"), is_kept) == (connection, kept)


async def test_the_short_way_and_the_long_way_lead_to_the_same_answer(site: Site) -> None:
    first, second = a_signup(site), a_signup(site, f"{SIGNUP}?from=elsewhere")

    found, _ = await answers(site, first + second, 2)

    [(_, short, _), (_, long, body)] = found
    assert short.keys() == long.keys()
    for name in short.keys() - {"x-request-id", "date", "content-length"}:
        assert short[name] == long[name]
    assert short["x-request-id"] != long["x-request-id"]
    assert json.loads(body)["status"] == "duplicate"


async def test_a_client_that_asks_whether_to_go_on_is_told_so(site: Site) -> None:
    wire = a_signup(site, header="Expect: 100-continue\r\n")
    reader, writer = await asyncio.open_connection("127.0.0.1", int(site.url.rpartition(":")[2]))
    head, _, body = wire.partition(b"\r\n\r\n")
    writer.write(head + b"\r\n\r\n")

    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(body)
    assert (await reader.readline()).startswith(b"HTTP/1.1 202")
    writer.close()


async def test_requests_that_come_in_a_row_are_answered_in_their_order(site: Site) -> None:
    people = [f"p{number}" for number in range(10)]

    found, _ = await answers(site, b"".join(a_signup(site, name=name) for name in people), len(people))

    assert [f"{name}@example.org" for name in people] == [json.loads(body)["email"] for _, _, body in found]
