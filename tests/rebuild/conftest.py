"""The real actors in virtual time, against the sandbox, which imitates the providers over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
import redis.asyncio
from aiohttp.test_utils import TestServer

from actors.upkeep.audit import audit
from actors.upkeep.booking_sync import reconcile_bookings
from actors.upkeep.rebuild import Summary, rebuild, rows_of
from common.campaigns.campaign import campaign_of
from common.campaigns.campaigns import Campaigns
from common.campaigns.compiled import CompiledCampaign
from common.campaigns.loader import Campaign
from common.clock import VirtualClock, iso
from common.domain.contact import Assessment
from common.domain.ids import enrollment_id
from common.ledger.versions import LogEntry
from common.providers.budget import Unlimited
from common.providers.build import Providers, build_providers
from common.settings.settings import Settings
from common.world import World
from services.sandbox.app import build_app
from services.sandbox.ids import (
    API_KEY,
    CALCOM_KEY,
    CONTACT_DATABASE_ID,
    NOTION_TOKEN,
    SENDING_KEY,
    SEQUENCE_DATA_SOURCE_ID,
    SEQUENCE_DATABASE_ID,
)
from services.sandbox.state import Sandbox, open_sandbox
from services.simulation.engine import Simulation

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def twin(campaign: Campaign) -> Campaign:
    """Return another campaign with the same subjects."""
    return campaign_of(replace(campaign.compiled, key="second_2025", name="Second 2025"))


class Installation:
    """A sandbox, a store that can be lost, and one worker."""

    def __init__(
        self, sandbox: Sandbox, url: str, store: redis.asyncio.Redis, clock: VirtualClock, campaign: Campaign
    ) -> None:
        self.sandbox, self.url, self.store, self.clock, self.campaign = sandbox, url, store, clock, campaign
        self.settings = Settings(
            secret_key="k" * 32,
            sandboxed=frozenset({"resend", "notion"}),
            resend_api_key=API_KEY,
            resend_api_url=f"{url}/resend",
            notion_token=NOTION_TOKEN,
            notion_base_url=f"{url}/notion",
            notion_email_sequence_db_id=SEQUENCE_DATABASE_ID,
            notion_businessx_db_id=CONTACT_DATABASE_ID,
            calcom_api_key=CALCOM_KEY,
            calcom_api_url=f"{url}/calcom",
            resend_requests_per_second=100_000,
            notion_requests_per_minute=1_000_000,
        )
        self._others: list[Campaign] = []
        self._opened: list[Providers] = []
        self.simulation = self._simulation()
        self.anchor_ms = clock.now_ms()

    @property
    def world(self) -> World:
        return self.simulation.world

    def _simulation(self) -> Simulation:
        campaigns = Campaigns(self.campaign, *self._others)
        simulation = Simulation(self.store, campaigns, self.settings, clock=self.clock)
        providers = build_providers(self.settings, self.store, self.clock, campaigns=campaigns)
        self._opened.append(providers)
        simulation.world = replace(
            simulation.world, mailer=providers.mailer, mirror=providers.mirror, mail_budget=Unlimited()
        )
        return simulation

    async def close(self) -> None:
        for providers in self._opened:
            await providers.close()

    async def until(self, hours: float) -> None:
        await self.simulation.run(until_ms=self.anchor_ms + round(hours * HOUR_MS))

    async def applies(self, compiled: CompiledCampaign) -> None:
        """Put a version in force, without changing any schedule."""
        versions, key = self.world.ledger.versions, compiled.key
        target, before = campaign_of(compiled), (await versions.in_force()).get(key)
        entry = LogEntry(
            version=target.version,
            source=before.version if before else None,
            action="apply",
            by="ada",
            at_ms=self.clock.now_ms(),
        )
        assert (await versions.apply(key, entry, compiled=compiled.to_json(), replans=False)).is_done
        self.campaign = campaign_of(compiled, in_force=target.version)
        self.simulation = self._simulation()

    def plays_too(self, campaign: Campaign) -> None:
        self._others.append(campaign)
        self.simulation = self._simulation()

    async def loses_its_store(self, *, may_only_send: bool = False) -> None:
        """Empty the store and start a new worker. `may_only_send`: with an API key that cannot list mails."""
        await self.store.flushall()
        if may_only_send:
            self.settings = self.settings.model_copy(update={"resend_api_key": SENDING_KEY})
        self.simulation = self._simulation()

    async def rebuilds(self) -> Summary:
        rows = rows_of(self.world, self.world.campaigns.default)
        try:
            return await rebuild(self.world, rows)
        finally:
            await rows.close()

    async def books(self, email: str, start_ms: int, *, uid: str) -> None:
        """Book at Cal.com and process its webhook."""
        given = {"email": email, "start": iso(start_ms), "uid": uid, "webhook": False}
        await self.ask("POST", "/calcom/_bookings", given)
        await self.simulation.book(email, start_ms, uid=uid)

    async def reads_the_calendar(self) -> None:
        """Compare the bookings with Cal.com's list, as a worker does with CALCOM_API_KEY."""
        world = replace(self.world, calendar=self._opened[-1].calendar)
        await reconcile_bookings(world, "poll/0")

    async def calm(self) -> None:
        """Remove all faults and rate limits."""
        await self.ask("DELETE", "/faults")
        dials = {"resend_requests_per_second": 100_000, "notion_requests_per_minute": 1_000_000}
        await self.ask("PUT", "/faults", {"dials": dials})

    async def record(self, person: Assessment) -> Any:
        return await self.world.ledger.enrollments.get(enrollment_id("christmas_2025", person.email))

    async def inbox(self, person: Assessment) -> list[str]:
        """Return the step id (`step-1`) of each accepted mail, in order."""
        mails = await self.ask("GET", f"/inbox.json?to={person.email}")
        return [mail["tags"]["step"] for mail in mails]

    async def sent_h(self, person: Assessment) -> list[float]:
        mails = await self.ask("GET", f"/inbox.json?to={person.email}")
        return [round((mail["accepted_at"] - self.anchor_ms) / HOUR_MS, 3) for mail in mails]

    async def rows(self) -> list[dict[str, Any]]:
        tables = await self.ask("GET", "/notion.json")
        return [row["properties"] | {"id": row["id"]} for row in tables["Email Sequence"] if not row["in_trash"]]

    async def writes(self, row: str | None, **cells: Any) -> str:
        """Edit a row in Notion as the team does, or add one. `cells`: column → Notion's value. Return the row's id."""
        path = f"/notion/v1/pages/{row}" if row else "/notion/v1/pages"
        body: dict[str, Any] = {"properties": cells}
        if row is None:
            body["parent"] = {"type": "data_source_id", "data_source_id": SEQUENCE_DATA_SOURCE_ID}
        headers = {"Authorization": f"Bearer {NOTION_TOKEN}", "Notion-Version": "2025-09-03"}
        answer = await self.ask("PATCH" if row else "POST", path, body, headers)
        return str(answer["id"])

    async def ask(self, method: str, path: str, body: Any = None, headers: Any = None) -> Any:
        async with aiohttp.request(method, f"{self.url}{path}", json=body, headers=headers) as answer:
            assert answer.status < 300, await answer.text()
            return await answer.json() if answer.status != 204 else None


@pytest.fixture
async def installation(
    store: redis.asyncio.Redis, clock: VirtualClock, campaign: Campaign
) -> AsyncIterator[Installation]:
    sandbox = open_sandbox(None, clock=clock)
    server = TestServer(build_app(sandbox))
    await server.start_server()
    installation = Installation(sandbox, str(server.make_url("")).rstrip("/"), store, clock, campaign)
    await installation.calm()
    yield installation
    await installation.close()
    await server.close()
    sandbox.close()


@pytest.fixture
def run_audit(installation: Installation):
    async def run_audit():
        rows = rows_of(installation.world, installation.world.campaigns.default)
        try:
            return await audit(installation.world, rows)
        finally:
            await rows.close()

    return run_audit


@pytest.fixture
def ada() -> Assessment:
    return Assessment(
        email="ada@salon.example",
        first_name="Ada",
        business_name="Salon, Ada",
        assessment_score=38,
        red_systems=2,
        orange_systems=1,
        weakest_system_1="GPS",
        timezone="America/Toronto",
    )


@pytest.fixture
def boris() -> Assessment:
    return Assessment(email="boris@salon.example", first_name="Boris", assessment_score=71.5, orange_systems=1)
