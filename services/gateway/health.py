"""`/health`: the process lives. `/ready`: an event can be made durable. `/metrics`: Prometheus."""

from __future__ import annotations

import asyncio

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from common.clock import iso
from services.gateway.door import DOOR, LOOKOUT
from services.gateway.store_watch import FAILURES

PING_SECONDS_MAX = 1


async def health(request: web.Request) -> web.Response:
    door = request.app[DOOR]
    return web.json_response(
        {
            "status": "healthy",
            "timestamp": iso(door.clock.now_ms()),
            "environment": {
                "testing_mode": door.settings.testing_mode,
                "notion_configured": door.settings.notion_is_real,
                "resend_configured": door.settings.resend_is_real,
            },
        }
    )


async def ready(request: web.Request) -> web.Response:
    """200 while the store or the spool takes events; the providers are named and never make it red."""
    door = request.app[DOOR]
    store, trouble = await asyncio.gather(_store(request), _spool_trouble(request))
    is_ready = store == "up" or trouble is None
    body = {
        "status": "ready" if is_ready else "unavailable",
        "timestamp": iso(door.clock.now_ms()),
        "dependencies": {
            "store": {"status": store},
            "spool": {"status": trouble or "writable", "events": door.intake.spool.events},
            "notion": {"status": "configured" if door.settings.notion_is_real else "sandbox"},
            "resend": {"status": "configured" if door.settings.resend_is_real else "sandbox"},
        },
        "warnings": request.app[LOOKOUT].warnings,
    }
    headers = None if is_ready else {"Retry-After": "5"}
    return web.json_response(body, status=200 if is_ready else 503, headers=headers)


async def metrics(_request: web.Request) -> web.Response:
    return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})


async def _store(request: web.Request) -> str:
    try:
        async with asyncio.timeout(PING_SECONDS_MAX):
            await request.app[DOOR].intake.ledger.client.ping()
    except FAILURES:
        return "down"
    return "up"


async def _spool_trouble(request: web.Request) -> str | None:
    spool = request.app[DOOR].intake.spool
    if spool.is_full:
        return "full"
    return await asyncio.to_thread(spool.folder.trouble)
