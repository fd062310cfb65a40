"""The console's process: settings → desk → server, until SIGTERM."""

from __future__ import annotations

import asyncio
import signal
import sys

import uvloop
from aiohttp import web

from common.campaigns.errors import CampaignError
from common.campaigns.loader import load_campaign
from common.clock import SystemClock
from common.ledger.ledger import Ledger
from common.observability.logs import get_logger, setup_logs
from common.settings.load import load_settings
from common.settings.settings import Settings, SettingsError
from common.store.clients import connect_async
from services.console.app import build_app, build_desk
from services.console.door import check_door

DRAIN_S = 10
ANSWER_SECONDS_MAX = 2
"""A store that does not answer is away: somebody sits before the page and waits."""

log = get_logger(__name__)


def run(settings: Settings) -> int:
    """
    Serve until SIGTERM or SIGINT; 0 after a clean stop, 1 when the port is taken.

    The store need not answer: until it does, the pages say so. Raises SettingsError and CampaignError, which say what
    to set.
    """
    check_door(settings)
    setup_logs("console", settings)
    return uvloop.run(_serve(settings))


async def _serve(settings: Settings) -> int:
    if settings.redis_url is None:
        raise SettingsError(["REDIS_URL: unset; set it, or run `advent up`, which brings its own store"])
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    campaign = load_campaign(settings.campaign, directory=settings.campaigns_dir)
    client = connect_async(settings.redis_url, process="console")
    client.connection_pool.connection_kwargs["socket_timeout"] = ANSWER_SECONDS_MAX
    ledger = Ledger(client, campaign=campaign.key, cadence=campaign.cadence(settings.pace), secret_key=settings.secret)
    desk = build_desk(settings, clock=SystemClock(), ledger=ledger, campaign_name=campaign.name)
    runner = web.AppRunner(build_app(desk), access_log=None, shutdown_timeout=DRAIN_S)
    try:
        await runner.setup()
        return await _listen(runner, settings, stop)
    finally:
        await runner.cleanup()
        await client.aclose()


async def _listen(runner: web.AppRunner, settings: Settings, stop: asyncio.Event) -> int:
    try:
        await web.TCPSite(runner, settings.console_host, settings.console_port).start()
    except OSError as error:
        log.error("cannot_listen", host=settings.console_host, port=settings.console_port, reason=error.strerror)
        return 1
    log.info("console_listens", host=settings.console_host, port=settings.console_port)
    await stop.wait()
    log.info("console_stops")
    return 0


def main() -> int:
    try:
        return run(load_settings())
    except (SettingsError, CampaignError) as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
