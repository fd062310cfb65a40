"""The world of a command that does what actors do: the same ledger, providers and budgets as the workers'."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from common.campaigns.loader import load_campaign
from common.clock import SystemClock
from common.ledger.ledger import Ledger
from common.providers.build import build_providers
from common.settings.settings import Settings, SettingsError
from common.store.clients import connect_async
from common.store.format import refuse_another_format
from common.store.identity import SECRET_KEY_MISMATCH, secret_key_differs
from common.world import World


@asynccontextmanager
async def open_world(settings: Settings) -> AsyncIterator[World]:
    """Over the store of these settings. Raises CampaignError or SettingsError, also for another SECRET_KEY."""
    assert settings.redis_url is not None
    campaign = load_campaign(settings.campaign, directory=settings.campaigns_dir)
    client, clock = connect_async(settings.redis_url, process="command"), SystemClock()
    try:
        await refuse_another_format(client)
        if await secret_key_differs(client, settings.secret):
            raise SettingsError([SECRET_KEY_MISMATCH])
        providers = build_providers(settings, client, clock, campaign_name=campaign.name)
        try:
            yield World(
                clock=clock,
                ledger=Ledger(
                    client,
                    campaign=campaign.key,
                    cadence=campaign.cadence(settings.pace),
                    secret_key=settings.secret,
                ),
                settings=settings,
                campaign=campaign,
                mailer=providers.mailer,
                mirror=providers.mirror,
                mail_budget=providers.mail_budget,
                mirror_budget=providers.mirror_budget,
                worker="command",
            )
        finally:
            await providers.close()
    finally:
        await client.aclose()
