"""`/health`: the process lives. `/ready`: the store answers. `/metrics`: Prometheus. None needs a login."""

from __future__ import annotations

import asyncio

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from common.clock import iso
from services.console.desk import DESK
from services.console.evidence import FAILURES

PING_SECONDS_MAX = 1


async def health(request: web.Request) -> web.Response:
    return web.json_response({"status": "healthy", "timestamp": iso(request.app[DESK].clock.now_ms())})


async def ready(request: web.Request) -> web.Response:
    """503 while the store is away: the pages then show what was seen last."""
    desk = request.app[DESK]
    try:
        async with asyncio.timeout(PING_SECONDS_MAX):
            await desk.ledger.client.ping()
        store = "up"
    except FAILURES:
        store = "down"
    body = {
        "status": "ready" if store == "up" else "unavailable",
        "timestamp": iso(desk.clock.now_ms()),
        "dependencies": {"store": {"status": store}},
    }
    headers = None if store == "up" else {"Retry-After": "5"}
    return web.json_response(body, status=200 if store == "up" else 503, headers=headers)


async def metrics(_request: web.Request) -> web.Response:
    return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})
