"""`/health`: the process runs. `/ready`: an event can be made durable. `/metrics`: for Prometheus."""

from __future__ import annotations

import asyncio

from aiohttp import web

from services.gateway.context import GatewayContext
from services.gateway.spool.spool import Spool
from services.web.probes import health_response, metrics_response, ready_response, store_status


async def health(context: GatewayContext, _request: web.Request) -> web.Response:
    environment = {
        "testing_mode": context.settings.testing_mode,
        "notion_configured": context.settings.notion_is_real,
        "resend_configured": context.settings.resend_is_real,
    }
    return health_response(now_ms=context.clock.now_ms(), environment=environment)


async def ready(context: GatewayContext, _request: web.Request) -> web.Response:
    """Return 200 while the store or the spool accepts events. The providers are shown, but never cause a 503."""
    intake, settings = context.intake, context.settings
    store, spool_error = await asyncio.gather(store_status(intake.ledger.client), _spool_error(intake.spool))
    dependencies = {
        "store": store.as_json(),
        "spool": {"status": spool_error or "writable", "events": intake.spool.events},
        "clock": _clock(context),
        "notion": {"status": "configured" if settings.notion_is_real else "sandbox"},
        "resend": {"status": "configured" if settings.resend_is_real else "sandbox"},
    }
    return ready_response(
        is_ready=store.takes_writes or spool_error is None,
        now_ms=context.clock.now_ms(),
        dependencies=dependencies,
        warnings=context.monitor.warnings,
    )


def _clock(context: GatewayContext) -> dict[str, object]:
    """Return the status of this machine's clock, with which the timestamps of signatures are compared."""
    status = context.replay.clock_sync.status
    ahead_ms = status.machine_ahead_ms if status else 0
    return {"status": "wrong", "ahead_seconds": round(ahead_ms / 1000)} if ahead_ms else {"status": "right"}


async def metrics(_context: GatewayContext, _request: web.Request) -> web.Response:
    return metrics_response()


async def _spool_error(spool: Spool) -> str | None:
    if spool.is_full:
        return "full"
    return await asyncio.to_thread(spool.directory.why_unwritable)
