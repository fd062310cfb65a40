"""The providers of one process, as the settings name them: the real ones, or the sandbox instead."""

from __future__ import annotations

from dataclasses import dataclass

import redis.asyncio

from common.campaigns.campaigns import Campaigns
from common.clock import Clock
from common.date_witness import DateWitness
from common.providers.budget import StoreBudget
from common.providers.calcom.calendar import CalcomCalendar
from common.providers.notion.duplicates import StoreCreateGuard
from common.providers.notion.mirror import NotionMirror
from common.providers.resend.mailer import ResendMailer
from common.providers.resend.suppression_list import ResendSuppressionList
from common.settings.settings import Settings, SettingsError


@dataclass(frozen=True, slots=True, kw_only=True)
class Providers:
    """The clients of a worker for its providers, over shared budgets."""

    mailer: ResendMailer
    mirror: NotionMirror
    mail_budget: StoreBudget
    mirror_budget: StoreBudget
    suppression_list: ResendSuppressionList
    calendar: CalcomCalendar | None = None

    async def close(self) -> None:
        """Close the connections of this loop."""
        await self.mailer.close()
        await self.suppression_list.close()
        await self.mirror.close()
        if self.calendar is not None:
            await self.calendar.close()


def build_providers(
    settings: Settings,
    client: redis.asyncio.Redis,
    clock: Clock,
    *,
    campaigns: Campaigns,
    witness: DateWitness | None = None,
) -> Providers:
    """
    For one event loop; `witness` hears what the providers' clocks say.

    Raises SettingsError when a provider has neither a key nor the sandbox instead.
    """
    if settings.resend_api_key is None or settings.notion_token is None:
        raise SettingsError(["RESEND_API_KEY, NOTION_TOKEN: unset, and no sandbox replaces them; set both"])
    mirror_budget = StoreBudget.per_minute(client, "notion", settings.notion_requests_per_minute, clock=clock)
    mail_budget = StoreBudget.per_second(client, "resend", settings.resend_requests_per_second, clock=clock)
    return Providers(
        mailer=ResendMailer(settings.resend_api_key, settings.resend_api_url, witness=witness),
        mirror=NotionMirror(
            settings.notion_token,
            base_url=settings.notion_base_url,
            sequence_db=settings.notion_email_sequence_db_id,
            contact_db=settings.notion_businessx_db_id,
            campaigns=campaigns.in_notion,
            budget=mirror_budget,
            guard=StoreCreateGuard(client, clock=clock),
            clock=clock,
            witness=witness,
        ),
        mail_budget=mail_budget,
        mirror_budget=mirror_budget,
        suppression_list=ResendSuppressionList(settings.resend_api_key, settings.resend_api_url, budget=mail_budget),
        calendar=_calendar(settings, client, clock),
    )


def _calendar(settings: Settings, client: redis.asyncio.Redis, clock: Clock) -> CalcomCalendar | None:
    if settings.calcom_api_key is None:
        return None
    # Half of what Cal.com allows for a key, because other programs may use the same one.
    budget = StoreBudget.per_minute(client, "calcom", 60, clock=clock)
    return CalcomCalendar(settings.calcom_api_key, settings.calcom_api_url, budget=budget)
