"""Builds the provider clients of one process from its settings: for the real providers, or for the sandbox."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Protocol

import redis.asyncio

from common.campaigns.campaigns import Campaigns
from common.clock import Clock, DateWitness
from common.providers.budget import CALENDAR_REQUESTS_PER_MINUTE, StoreBudget
from common.providers.calcom.calendar import CalcomCalendar
from common.providers.notion.duplicates import StoreCreateGuard
from common.providers.notion.mirror import NotionMirror
from common.providers.protocols import ProviderSet
from common.providers.resend.mailer import ResendMailer
from common.providers.resend.suppression_list import ResendSuppressionList
from common.providers.twilio.texter import TwilioTexter
from common.settings.settings import Settings, SettingsError


class Client(Protocol):
    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Providers(ProviderSet):
    """The provider clients of a worker, with budgets that all workers share."""

    clients: tuple[Client, ...]

    async def close(self) -> None:
        """Close the connections of this loop."""
        for client in self.clients:
            await client.close()

    def parts(self) -> dict[str, Any]:
        """Return clients and budgets as fields for a `World`."""
        return {part.name: getattr(self, part.name) for part in fields(ProviderSet)}


def build_providers(
    settings: Settings,
    client: redis.asyncio.Redis,
    clock: Clock,
    *,
    campaigns: Campaigns,
    witness: DateWitness | None = None,
) -> Providers:
    """
    Return the provider clients for one event loop. `witness`: records the `Date` of their answers.

    Raises SettingsError when Resend or Notion has neither a key nor the sandbox instead.
    """
    if settings.resend_api_key is None or settings.notion_token is None:
        raise SettingsError(["RESEND_API_KEY, NOTION_TOKEN: unset, and no sandbox replaces them; set both"])
    mirror_budget = StoreBudget.per_minute(client, "notion", settings.notion_requests_per_minute, clock=clock)
    mail_budget = StoreBudget.per_second(client, "resend", settings.resend_requests_per_second, clock=clock)
    mailer = ResendMailer(settings.resend_api_key, settings.resend_api_url, witness=witness)
    mirror = NotionMirror(
        settings.notion_token,
        base_url=settings.notion_base_url,
        sequence_db=settings.notion_email_sequence_db_id,
        contact_db=settings.notion_businessx_db_id,
        campaigns=campaigns.notion_columns,
        budget=mirror_budget,
        guard=StoreCreateGuard(client, clock=clock),
        clock=clock,
        witness=witness,
    )
    suppressions = ResendSuppressionList(settings.resend_api_key, settings.resend_api_url, budget=mail_budget)
    calendar, texter = _calendar(settings, client, clock), build_texter(settings, clock)
    return Providers(
        mailer=mailer,
        mirror=mirror,
        mail_budget=mail_budget,
        mirror_budget=mirror_budget,
        texter=texter,
        text_budget=StoreBudget.per_second(client, "twilio", settings.twilio_requests_per_second, clock=clock),
        suppression_list=suppressions,
        calendar=calendar,
        clients=(mailer, suppressions, mirror, *(client for client in (calendar, texter) if client)),
    )


def build_texter(settings: Settings, clock: Clock) -> TwilioTexter | None:
    """Return the client for SMS, or None when SMS is not set up."""
    sid, token, sender = settings.twilio_account_sid, settings.twilio_auth_token, settings.twilio_from
    if sid is None or token is None or sender is None:
        return None
    return TwilioTexter(
        account_sid=sid,
        auth_token=token,
        sender=sender,
        api_url=settings.twilio_api_url,
        callback_url=f"{settings.public_address}/webhook/twilio",
        clock=clock,
    )


def _calendar(settings: Settings, client: redis.asyncio.Redis, clock: Clock) -> CalcomCalendar | None:
    if settings.calcom_api_key is None:
        return None
    budget = StoreBudget.per_minute(client, "calcom", CALENDAR_REQUESTS_PER_MINUTE, clock=clock)
    return CalcomCalendar(settings.calcom_api_key, settings.calcom_api_url, budget=budget)
