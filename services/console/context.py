"""The context that every request handler uses. It is built once at startup."""

from __future__ import annotations

from dataclasses import dataclass

import jinja2
from aiohttp import web

from common.background import BackgroundTasks
from common.campaigns.campaign import Campaign
from common.campaigns.campaigns import Campaigns
from common.clock import Clock
from common.ledger.ledger import Ledger
from common.ledger.reads.dead_letters import DeadLetterList
from common.ledger.reads.people import PeopleList
from common.settings.console_users import ConsoleUser
from common.settings.settings import Settings
from common.store.monitor import StoreMonitor
from common.versions.played import PlayedVersions
from services.console.auth.ended_sessions import EndedSessions
from services.console.auth.session import Sessions
from services.console.bulk_decisions import BulkDecisions
from services.console.campaign_files import CampaignFiles
from services.console.plan_counts import PlanCounts
from services.console.resume_plans import ResumePlans
from services.console.status.status_cache import StatusCache
from services.web.rate_limit import FailureLimiter


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleContext:
    """
    Settings, store access, caches and background tasks of the console.

    `campaign_name`: names of the campaigns for people, such as *Christmas 2025*. `login_failures`: counts wrong tokens
    by source. `campaigns`: the campaigns that run here. `versions`: follows the versions in force; may be None.
    `bulk_decisions`: decisions on dead letters; `job_decisions`: on failed jobs. `logins`: users who may log in; if
    empty, the console serves every user of this machine and no other.
    """

    clock: Clock
    settings: Settings
    ledger: Ledger
    store_monitor: StoreMonitor
    status_cache: StatusCache
    logins: tuple[ConsoleUser, ...]
    sessions: Sessions
    ended_sessions: EndedSessions
    login_failures: FailureLimiter
    environment: jinja2.Environment
    campaign_name: str
    people: PeopleList
    dead_letters: DeadLetterList
    bulk_decisions: BulkDecisions
    job_decisions: BulkDecisions
    campaign_files: CampaignFiles
    plan_counts: PlanCounts
    resume_plans: ResumePlans
    background: BackgroundTasks
    campaigns: Campaigns | None = None
    versions: PlayedVersions | None = None

    def running_campaign(self, campaign: str) -> Campaign | None:
        """Return a campaign by its key, or None if it does not run here."""
        return self.campaigns.get(campaign) if self.campaigns is not None else None

    async def files_differ(self) -> tuple[str, ...]:
        """Return the keys of campaigns whose files currently differ from the version in force."""
        return await self.campaign_files.differing_from(self.campaigns or {})


CONTEXT = web.AppKey("context", ConsoleContext)
