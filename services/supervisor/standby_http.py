"""The HTTP server of a worker that waits for its store: it reports the worker as alive but not ready."""

from __future__ import annotations

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from common.observability import metrics
from common.settings.settings import Settings

_JSON = "application/json; charset=utf-8"
_NOT_READY = {"status": "not ready", "store": "away", "draining": False, "warnings": []}


class StandbyServer:
    """
    Once opened, answers on the worker's own port: `/health` 200, `/ready` 503, `/metrics` with `advent_store_up` 0.

    Therefore a service manager that restarts unresponsive processes leaves a waiting worker alone, and monitoring sees
    that the store is missing. If another worker of this machine has the port, nothing answers yet.
    """

    def __init__(self, settings: Settings) -> None:
        self._address = (settings.metrics_host, settings.worker_metrics_port)
        self._server: _Server | None = None

    def __enter__(self) -> StandbyServer:
        return self

    def open(self) -> None:
        """Start to listen, unless it already listens."""
        if self._server is not None or self._address[1] == 0:
            return
        try:
            self._server = _Server(self._address)
        except OSError:
            return
        metrics.STORE_UP.set(0)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Free the port."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int]) -> None:
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Do nothing: the client closed the connection."""


class _Handler(BaseHTTPRequestHandler):
    timeout = 5

    def do_GET(self) -> None:
        if self.path == "/health":
            self._respond(200, _JSON, json.dumps({"status": "healthy"}).encode())
        elif self.path == "/ready":
            self._respond(503, _JSON, json.dumps(_NOT_READY).encode())
        elif self.path == "/metrics":
            self._respond(200, CONTENT_TYPE_LATEST, generate_latest())
        else:
            self._respond(404, _JSON, b'{"status": "not found"}')

    def _respond(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Log nothing: the worker itself logs that it waits."""
