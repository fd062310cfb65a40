"""The gateway's process: settings → door → server, until SIGTERM."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys

import uvloop

from common.campaigns.errors import CampaignError
from common.campaigns.loader import load_campaign
from common.clock import SystemClock
from common.ledger.ledger import Ledger
from common.observability.logs import get_logger, setup_logs
from common.observability.tracing import traced
from common.settings.load import load_settings
from common.settings.settings import Settings, SettingsError
from common.store.clients import connect_async
from services.gateway.app import build_app, build_door
from services.gateway.server import Server
from services.gateway.store_watch import impatient

GARBAGE_MAX = 10_000
"""New objects between two looks of the collector at the youngest; some 40 signups."""

log = get_logger(__name__)


def run(settings: Settings) -> int:
    """
    Serve until SIGTERM or SIGINT; 0 after a clean stop, 1 when the port is taken.

    The store need not answer: until it does, events go to the spool. Raises SettingsError and CampaignError, which say
    what to set.
    """
    setup_logs("gateway", settings)
    with traced("gateway"):
        return uvloop.run(_serve(settings))


async def _serve(settings: Settings) -> int:
    if settings.redis_url is None:
        raise SettingsError(["REDIS_URL: unset; set it, or run `advent up`, which brings its own store"])
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    campaign = load_campaign(settings.campaign, directory=settings.campaigns_dir)
    client = impatient(connect_async(settings.redis_url, process="gateway"))
    ledger = Ledger(
        client, campaign=campaign.key, cadence=campaign.cadence(settings.pace), secret_key=settings.secret_key or ""
    )
    door = build_door(settings, clock=SystemClock(), ledger=ledger, campaign_name=campaign.name)
    try:
        return await _listen(Server(build_app(door)), settings, stop)
    finally:
        await client.aclose()


async def _listen(server: Server, settings: Settings, stop: asyncio.Event) -> int:
    try:
        port = await server.start(settings.gateway_host, settings.gateway_port)
    except OSError as error:
        log.error("cannot_listen", host=settings.gateway_host, port=settings.gateway_port, reason=error.strerror)
        return 1
    # What is here now stays, and requests leave few cycles behind: the collector need not look at each of them.
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_MAX)
    log.info("gateway_started", host=settings.gateway_host, port=port)
    await stop.wait()
    log.info("gateway_stops")
    await server.stop()
    return 0


def main() -> int:
    try:
        return run(load_settings())
    except (SettingsError, CampaignError) as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
