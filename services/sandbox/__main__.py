"""`advent sandbox`: settings → sandbox → server, until SIGTERM."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import sys

from aiohttp import web

from common.observability.logs import get_logger, setup_logs
from common.path_errors import unusable
from common.settings.load import load_settings
from common.settings.settings import Settings, SettingsError
from services.sandbox.app import build_app
from services.sandbox.resend.validation import bare_address
from services.sandbox.state import Sandbox, open_sandbox

DRAIN_SECONDS = 2.0  # Requests take milliseconds; only one that a fault rule holds takes longer, and it may be cut.

log = get_logger(__name__)


def run(settings: Settings) -> int:
    """
    Serves until SIGTERM or SIGINT; 0 after a clean stop, 1 when the port cannot be had.

    Raises SettingsError when DATA_DIR cannot be used.
    """
    setup_logs("sandbox", settings)
    try:
        sandbox = _opened(settings)
    except (OSError, sqlite3.OperationalError) as error:
        raise SettingsError([unusable(settings.data_dir / "sandbox", error)]) from None
    try:
        return asyncio.run(_serve(sandbox, settings.sandbox_host, settings.sandbox_port))
    finally:
        sandbox.close()


def _opened(settings: Settings) -> Sandbox:
    return open_sandbox(
        settings.data_dir / "sandbox",
        gateway_url=settings.gateway_url,
        webhook_secret=next(iter(settings.resend_webhook_secrets), None),
        calcom_secret=next(iter(settings.calcom_webhook_secrets), None),
        own_domains=_domains(settings.identity.sender),
    )


async def _serve(sandbox: Sandbox, host: str, port: int) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    runner = web.AppRunner(build_app(sandbox), access_log=None, shutdown_timeout=DRAIN_SECONDS)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as problem:
        log.error(
            "sandbox_cannot_listen", host=host, port=port, reason=str(problem), cure="set SANDBOX_HOST or SANDBOX_PORT"
        )
        await runner.cleanup()
        return 1
    log.info("sandbox_ready", url=f"http://{host}:{port}")
    await stop.wait()
    await runner.cleanup()
    log.info("sandbox_stopped")
    return 0


def _domains(sender: str) -> tuple[str, ...]:
    address = bare_address(sender)
    return (address.partition("@")[2],) if address else ()


if __name__ == "__main__":
    sys.exit(run(load_settings()))
