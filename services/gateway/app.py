"""Assembles the gateway: its context, its routes, its application and its server."""

from __future__ import annotations

import os
import signal as signals
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from aiohttp import web

from common.background import BackgroundTasks
from common.campaigns.campaign import Campaign
from common.campaigns.campaigns import Campaigns
from common.campaigns.errors import CampaignError
from common.clock import Clock
from common.ledger.ledger import Ledger
from common.observability.logs import get_logger
from common.settings.settings import Settings, SettingsError
from common.store.monitor import StoreMonitor
from common.versions.played import PlayedVersions
from services.gateway import openapi
from services.gateway.context import GatewayContext
from services.gateway.http import calendar, probes, unsubscribe
from services.gateway.http.body import BODY_BYTES_MAX, FAILURES_PER_MINUTE
from services.gateway.http.middleware import RequestMiddleware
from services.gateway.intake import Intake
from services.gateway.ordinary_signup import read_ordinary_signup
from services.gateway.signatures import CalcomSignatures, StandardSignatures, TwilioSignatures
from services.gateway.spool.replay import Replay
from services.gateway.spool.spool import Spool
from services.gateway.spool.spool_directory import SpoolDirectory
from services.gateway.store_availability import StoreAvailability
from services.gateway.validation.signup_shape import shape_of
from services.gateway.webhooks import calcom, resend, signup, twilio
from services.gateway.witness import GatewayWitness
from services.web.rate_limit import FailureLimiter
from services.web.server import Handler, Server

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """
    A route and its handler.

    `name`: its part before the first dot is the label in metrics. `is_direct`: the handler is called without aiohttp's
    router; only for POST to a path without parameters.
    """

    method: Literal["GET", "POST"]
    path: str
    handler: Callable[[GatewayContext, Any], Awaitable[web.StreamResponse]]
    name: str | None = None
    is_direct: bool = False


ENDPOINTS = (
    Endpoint("POST", "/webhook/christmas-signup", signup.receive, "signup", is_direct=True),
    Endpoint("POST", "/webhook/signup/{campaign}", signup.receive_named, "signup.named"),
    Endpoint("POST", "/webhook/calcom-booking", calcom.receive, "calcom", is_direct=True),
    Endpoint("POST", "/webhook/resend", resend.receive, "resend", is_direct=True),
    Endpoint("POST", "/webhook/twilio", twilio.receive, "twilio"),
    Endpoint("POST", "/unsubscribe/{token}", unsubscribe.unsubscribe, "unsubscribe"),
    Endpoint("GET", "/unsubscribe/{token}", unsubscribe.show),
    Endpoint("GET", "/calendar/{token}.ics", calendar.show),
    Endpoint("GET", "/health", probes.health),
    Endpoint("GET", "/ready", probes.ready),
    Endpoint("GET", "/metrics", probes.metrics),
    Endpoint("GET", "/openapi.json", openapi.show),
)


def build_context(settings: Settings, *, clock: Clock, ledger: Ledger, campaigns: Campaigns) -> GatewayContext:
    """
    Return the context that the handlers use.

    Raises SettingsError without SECRET_KEY, because a forged unsubscribe link could not be told from a genuine one.
    """
    if not settings.secret_key:
        raise SettingsError(["SECRET_KEY: unset; set 32 or more random characters (`openssl rand -hex 32`)"])
    unsigned = settings.allow_unsigned_webhooks
    shapes = {key: shape_of(key, campaign.compiled.fields) for key, campaign in campaigns.items()}

    def take_shape(campaign: Campaign) -> None:
        shapes[campaign.key] = shape_of(campaign.key, campaign.compiled.fields)

    spool, store = Spool(SpoolDirectory(settings.data_dir / "spool")), StoreAvailability()
    return GatewayContext(
        clock=clock,
        settings=settings,
        secret_key=settings.secret_key,
        campaigns=campaigns,
        shapes=shapes,
        versions=PlayedVersions(campaigns, ledger, settings, clock, on_change=take_shape),
        intake=Intake(ledger, spool, store),
        replay=Replay(ledger, spool, store, clock),
        monitor=StoreMonitor(ledger.client, settings.secret_key),
        website=StandardSignatures.of(settings.webhook_secrets, allow_unsigned=unsigned),
        calcom=CalcomSignatures.of(settings.calcom_webhook_secrets, allow_unsigned=unsigned),
        resend=StandardSignatures.of(
            settings.resend_webhook_secrets, prefixes=("svix", "webhook"), allow_unsigned=unsigned
        ),
        twilio=TwilioSignatures(settings.twilio_auth_token, allow_unsigned=unsigned),
        failures=FailureLimiter(FAILURES_PER_MINUTE),
    )


def build_server(context: GatewayContext) -> Server:
    """Return the gateway's HTTP server. While it runs, it replays the spool and monitors the store."""
    middleware = RequestMiddleware(context.clock)
    app = web.Application(middlewares=[middleware.handle], client_max_size=BODY_BYTES_MAX)
    direct: dict[str, Handler] = {}
    for endpoint in ENDPOINTS:
        handler = partial(endpoint.handler, context)
        define = web.post if endpoint.method == "POST" else web.get  # `web.get` also handles HEAD.
        app.add_routes([define(endpoint.path, handler, name=endpoint.name)])
        if endpoint.is_direct:
            answer = partial(middleware.answer, handler=handler, pattern=endpoint.path, name=endpoint.name)
            direct[endpoint.path] = answer
    app.cleanup_ctx.append(partial(_replaying, context))
    app.cleanup_ctx.append(partial(_watching, context))
    return Server(app, direct=direct)


async def _replaying(context: GatewayContext, _app: web.Application) -> AsyncIterator[None]:
    read_ordinary_signup(b"")  # Builds its validator, which reads the time zones from disk, before the first request.
    await context.replay.start()
    yield
    await context.replay.stop()
    await context.intake.spool.close()


async def _watching(context: GatewayContext, _app: web.Application) -> AsyncIterator[None]:
    background = BackgroundTasks()
    witness = GatewayWitness(context.settings, context.intake.ledger)
    background.start([context.monitor.run(), _play_versions(context.versions), witness.run()])
    yield
    context.monitor.stop()
    await background.stop()


async def _play_versions(versions: PlayedVersions) -> None:
    """Follow the versions in force. One that this release cannot read stops the gateway as SIGTERM does."""
    try:
        await versions.run()
    except CampaignError as error:
        log.error("campaign_version_unreadable", problem=str(error))
        os.kill(os.getpid(), signals.SIGTERM)
