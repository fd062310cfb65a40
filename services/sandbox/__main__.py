"""`advent sandbox`: loads the settings, opens the sandbox and serves it until SIGTERM."""

from __future__ import annotations

import asyncio
import sqlite3
import sys

from common.observability.logs import get_logger, setup_logs
from common.path_errors import path_error_text
from common.settings.load import load_settings
from common.settings.settings import Settings, SettingsError
from services.sandbox.app import build_app
from services.sandbox.ids import TWILIO_TOKEN
from services.sandbox.resend.validation import bare_address
from services.sandbox.state import Sandbox, open_sandbox
from services.web.server import Server, serve

DRAIN_S = 2.0
"""Requests take milliseconds. Only one that a fault rule delays takes longer, and it may be cut off."""

log = get_logger(__name__)


def run(settings: Settings) -> int:
    """
    Serve until SIGTERM or SIGINT. Return 0 after a clean stop, 1 when the port cannot be used.

    Raises SettingsError when DATA_DIR cannot be used.
    """
    setup_logs("sandbox", settings)
    try:
        sandbox = _open(settings)
    except (OSError, sqlite3.OperationalError) as error:
        raise SettingsError([path_error_text(settings.data_dir / "sandbox", error)]) from None
    try:
        return asyncio.run(_serve(sandbox, settings.sandbox_host, settings.sandbox_port))
    finally:
        sandbox.close()


def _open(settings: Settings) -> Sandbox:
    return open_sandbox(
        settings.data_dir / "sandbox",
        gateway_url=settings.gateway_url,
        webhook_secret=next(iter(settings.resend_webhook_secrets), None),
        calcom_secret=next(iter(settings.calcom_webhook_secrets), None),
        twilio_token=settings.twilio_auth_token or TWILIO_TOKEN,
        public_url=settings.public_address,
        own_domains=_domains(settings.identity.sender),
    )


async def _serve(sandbox: Sandbox, host: str, port: int) -> int:
    def on_start(port: int) -> None:
        log.info("sandbox_ready", url=f"http://{host}:{port}")

    return await serve(Server(build_app(sandbox), drain_s=DRAIN_S), host, port, setting="SANDBOX", on_start=on_start)


def _domains(sender: str) -> tuple[str, ...]:
    address = bare_address(sender)
    return (address.partition("@")[2],) if address else ()


if __name__ == "__main__":
    sys.exit(run(load_settings(process="sandbox")))
