"""The gateway's process: settings → context → server, until SIGTERM."""

from __future__ import annotations

import asyncio
import gc
import sys

import redis
import uvloop

from common.campaigns.campaigns import load_campaigns
from common.campaigns.errors import CampaignError
from common.clock import SystemClock
from common.ledger.ledger import Ledger
from common.observability.logs import get_logger, setup_logs
from common.observability.tracing import traced
from common.settings.load import load_settings
from common.settings.rules import warnings_of
from common.settings.settings import Settings, SettingsError
from common.store.clients import connect_async
from common.versions.played import VersionUndecided
from services.gateway.app import build_context, build_server
from services.gateway.ordinary_signup import read_ordinary_signup
from services.gateway.store_availability import limit_answer_time
from services.gateway.validation.signup_shape import shape_of
from services.web.server import serve

GC_THRESHOLD = 50_000
"""New objects between two collections of the youngest generation; about 200 signups."""

ANSWER_S = 2.0
"""How long a start waits for the versions in force. Without an answer the gateway starts with its own copies."""

log = get_logger(__name__)


def run(settings: Settings) -> int:
    """
    Serve until SIGTERM or SIGINT. Return the exit status: 0 after a clean stop, 1 when the port is taken.

    The store need not answer: until it does, events go to the spool. Raises SettingsError and CampaignError, whose
    messages say what to set.
    """
    setup_logs("gateway", settings)
    with traced("gateway"):
        return uvloop.run(_serve(settings))


def preload(settings: Settings) -> None:
    """Build the validators of signups before `advent up` forks, so that its processes share this megabyte."""
    for key, campaign in load_campaigns(settings.campaign_keys, directory=settings.campaigns_dir).items():
        shape_of(key, campaign.compiled.fields)
    read_ordinary_signup(b"")


async def _serve(settings: Settings) -> int:
    if settings.redis_url is None:
        raise SettingsError(["REDIS_URL: unset; set it, or run `advent up`, which starts a store of its own"])
    campaigns = load_campaigns(settings.campaign_keys, directory=settings.campaigns_dir)
    client = limit_answer_time(connect_async(settings.redis_url, process="gateway"))
    ledger = Ledger.of(
        client,
        campaigns.terms(settings.pace),
        secret_key=settings.secret_key or "",
        separate_spellings=settings.testing_mode,
        signup_bounds=settings.signup_bounds,
        soft_bounce_limit=settings.soft_bounce_limit,
    )
    context = build_context(settings, clock=SystemClock(), ledger=ledger, campaigns=campaigns)
    try:
        await asyncio.wait_for(context.versions.refresh(), ANSWER_S)
    except (redis.RedisError, TimeoutError, VersionUndecided):
        context.versions.use_copies()

    def report(port: int) -> None:
        _tune_garbage_collector()
        for warning in warnings_of(settings):
            log.warning("setting_questionable", warning=warning)
        log.info("gateway_started", host=settings.gateway_host, port=port)

    try:
        server = build_server(context)
        return await serve(server, settings.gateway_host, settings.gateway_port, setting="GATEWAY", on_start=report)
    finally:
        await client.aclose()


def _tune_garbage_collector() -> None:
    """Exempt the objects of the start from garbage collection, and collect rarely: requests leave few cycles."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)


def main() -> int:
    try:
        return run(load_settings(process="gateway"))
    except (SettingsError, CampaignError) as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
