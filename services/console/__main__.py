"""The console's process: settings → context → server, until SIGTERM."""

from __future__ import annotations

import contextlib
import importlib

import uvloop

from common.campaigns.campaigns import load_campaigns
from common.clock import SystemClock
from common.ledger.ledger import Ledger
from common.observability.logs import get_logger, setup_logs
from common.settings.settings import Settings, SettingsError
from common.store.clients import connect_async
from common.versions.played import PlayedVersions
from services.console.app import build_app, build_context
from services.console.auth.access import check_access_settings
from services.web.server import Server, serve

DRAIN_S = 10
ANSWER_SECONDS_MAX = 2
"""A store that takes longer to answer counts as away, because a person waits for the page."""

log = get_logger(__name__)


def run(settings: Settings) -> int:
    """
    Serve until SIGTERM or SIGINT. Return 0 after a clean stop, 1 when the port is in use.

    The console also starts while the store is away; the pages then say so. Raises SettingsError and CampaignError,
    which name the setting to change.
    """
    check_access_settings(settings)
    setup_logs("console", settings)
    return uvloop.run(_serve(settings))


def preload(_settings: Settings) -> None:
    """Import the optional dashboard before `advent up` forks, so that the processes share its memory."""
    with contextlib.suppress(ImportError):
        importlib.import_module("dramatiq_dashboard")
        importlib.import_module("services.console.dashboard.queue_interface")


async def _serve(settings: Settings) -> int:
    if settings.redis_url is None:
        raise SettingsError(["REDIS_URL: unset; set it, or run `advent up`, which brings its own store"])
    campaigns = load_campaigns(settings.campaign_keys, directory=settings.campaigns_dir)
    client, clock = connect_async(settings.redis_url, process="console"), SystemClock()
    client.connection_pool.connection_kwargs["socket_timeout"] = ANSWER_SECONDS_MAX
    terms = campaigns.terms(settings.pace)
    ledger = Ledger.of(client, terms, secret_key=settings.secret, separate_spellings=settings.testing_mode)
    context = build_context(
        settings,
        clock=clock,
        ledger=ledger,
        campaign_name=", ".join(campaign.name for campaign in campaigns.values()),
        campaigns=campaigns,
        versions=PlayedVersions(campaigns, ledger, settings, clock),
    )
    server = Server(build_app(context), drain_s=DRAIN_S)
    host = settings.console_host
    try:
        return await serve(
            server,
            host,
            settings.console_port,
            setting="CONSOLE",
            on_start=lambda port: log.info("console_started", host=host, port=port),
        )
    finally:
        await client.aclose()
