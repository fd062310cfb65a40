"""The HTTP endpoints of a worker: health, readiness and metrics."""

from __future__ import annotations

import structlog
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from actors.upkeep.gauges import refresh
from common.ledger.ledger import Ledger
from common.settings.settings import url_of
from common.store.errors import STORE_ERRORS
from common.store.monitor import StoreMonitor
from common.store.refusals import find_refusal

log = structlog.get_logger(__name__)


class WorkerHttp:
    """`/health`, `/ready` and `/metrics` of one worker."""

    def __init__(self, ledger: Ledger, monitor: StoreMonitor) -> None:
        self.starting = True
        self.draining = False
        self._ledger, self._monitor = ledger, monitor
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int) -> None:
        """Listen; on any free port, which is logged, when another worker of this machine has this one."""
        app = web.Application()
        app.add_routes(
            [web.get("/health", self._health), web.get("/ready", self._ready), web.get("/metrics", self._metrics)]
        )
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, host, port).start()
        except OSError as error:
            await web.TCPSite(self._runner, host, 0).start()
            log.warning("worker_metrics_port_taken", port=port, error=str(error.strerror))
        log.info("worker_http_started", url=url_of(host, self._runner.addresses[0][1]))

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _health(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "healthy"})

    async def _ready(self, _request: web.Request) -> web.Response:
        try:
            refusal = await find_refusal(self._ledger.client)
            store = refusal.line if refusal else "ok"
        except STORE_ERRORS as error:
            store = type(error).__name__
        ready = store == "ok" and not self.starting and not self.draining
        body = {
            "status": "ready" if ready else "not ready",
            "store": store,
            "draining": self.draining,
            "warnings": self._monitor.warnings,
        }
        return web.json_response(body, status=200 if ready else 503)

    async def _metrics(self, _request: web.Request) -> web.Response:
        await refresh(self._ledger)
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})
