"""The ping to an external monitor stops when mail is late without an excuse, and only then."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
import redis.asyncio
from aiohttp import web

from actors.upkeep.healthcheck_ping import ping
from common.ledger import keys
from common.ledger.ledger import Ledger
from common.ledger.pauses import Pause

MINUTE_MS = 60_000


class Outside:
    """An external monitor that counts pings."""

    def __init__(self) -> None:
        self.pings, self.status, self.url = 0, 200, ""

    async def answer(self, _request: web.Request) -> web.Response:
        self.pings += 1
        return web.Response(status=self.status)


@pytest.fixture
async def outside() -> AsyncIterator[Outside]:
    somebody, app = Outside(), web.Application()
    app.add_routes([web.get("/ping", somebody.answer)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    somebody.url = f"http://127.0.0.1:{runner.addresses[0][1]}/ping"
    yield somebody
    await runner.cleanup()


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient() as client:
        yield client


async def test_all_is_well(ledger: Ledger, outside: Outside, client: httpx.AsyncClient) -> None:
    assert await ping(ledger, client, outside.url) is True
    assert outside.pings == 1


@pytest.mark.parametrize(("minutes", "pings"), [(4, 1), (6, 0)])
async def test_ping_stops_while_a_mail_is_more_than_five_minutes_late(
    ledger: Ledger,
    store: redis.asyncio.Redis,
    outside: Outside,
    client: httpx.AsyncClient,
    now_ms: int,
    minutes: int,
    pings: int,
) -> None:
    await store.zadd(keys.delayed("send"), {"ada/step-1": now_ms - minutes * MINUTE_MS})

    await ping(ledger, client, outside.url)

    assert outside.pings == pings


@pytest.mark.parametrize(("minutes", "pings"), [(14, 1), (16, 0)])
async def test_ping_continues_for_fifteen_minutes_of_a_resend_outage(
    ledger: Ledger,
    store: redis.asyncio.Redis,
    outside: Outside,
    client: httpx.AsyncClient,
    now_ms: int,
    minutes: int,
    pings: int,
) -> None:
    since = now_ms - minutes * MINUTE_MS
    await store.hset(keys.circuit("resend"), mapping={"until_ms": now_ms, "since_ms": since})
    await store.zadd(keys.delayed("send"), {"ada/step-1": since})

    await ping(ledger, client, outside.url)

    assert outside.pings == pings


async def test_pause_does_not_stop_the_ping(
    ledger: Ledger, store: redis.asyncio.Redis, outside: Outside, client: httpx.AsyncClient, now_ms: int
) -> None:
    await ledger.pauses.start(None, Pause(since_ms=now_ms, by="the team", reason="holiday"))
    await store.zadd(keys.delayed("send"), {"ada/step-1": now_ms - 600 * MINUTE_MS})

    assert await ping(ledger, client, outside.url) is True


async def test_a_ping_that_is_not_accepted_raises_nothing(
    ledger: Ledger, outside: Outside, client: httpx.AsyncClient
) -> None:
    outside.status = 500

    assert await ping(ledger, client, outside.url) is False
