"""`POST /webhook/signup/{campaign}`: each campaign accepts the fields that it declares, while it is open."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from common.campaigns.campaign import Campaign, campaign_of
from common.campaigns.campaigns import Campaigns
from common.clock import VirtualClock
from common.domain.ids import enrollment_id
from common.ledger import keys
from common.ledger.reads.contact_timeline import read_timelines
from common.store.embedded import EmbeddedStore
from tests.gateway.conftest import Answer, Gateway, OpenGateway
from tests.packaged import packaged_campaign

NEW_YEAR = "new_year_2026"
GORAN = {"email": "goran@example.org", "first_name": "Goran", "team_size": 9, "main_goal": "earn_more"}
CLOSED_AT = datetime(2025, 10, 1, tzinfo=UTC)

SignUp = Callable[..., Awaitable[Answer]]


@pytest.fixture(scope="module")
def new_year() -> Campaign:
    return packaged_campaign(NEW_YEAR)


@pytest.fixture
async def gateway(open_gateway: OpenGateway, store_url: str, campaign: Campaign, new_year: Campaign) -> Gateway:
    return await open_gateway(store_url, campaigns=Campaigns(campaign, new_year))


async def sign_up(gateway: Gateway, campaign: str, who: dict[str, Any], *, id: str | None = None) -> Answer:
    body = json.dumps(who).encode()
    return await gateway.request("POST", f"/webhook/signup/{campaign}", data=body, headers=gateway.headers(body, id=id))


async def test_a_signup_is_read_by_the_fields_of_its_campaign(gateway: Gateway) -> None:
    answer = await sign_up(gateway, NEW_YEAR, GORAN)

    assert (answer.status, answer.json["status"], answer.json["segment"]) == (202, "accepted", "ESTABLISHED")
    assert answer.json["campaign"] == "New Year 2026"
    assert answer.json["enrollment_id"] == enrollment_id(NEW_YEAR, "goran@example.org")
    found = await gateway.context.intake.ledger.enrollments.get(answer.json["enrollment_id"])
    assert found is not None
    assert found.assessment.extra == {"team_size": 9, "main_goal": "earn_more"}


async def test_older_signup_path_enrolls_in_the_first_campaign(gateway: Gateway) -> None:
    who = {"email": "goran@example.org", "first_name": "Goran", "assessment_score": 42}

    older, named = await gateway.sign_up(who, id="a"), await sign_up(gateway, "christmas_2025", who, id="b")

    assert (older.json["status"], named.json["status"]) == ("accepted", "duplicate")
    assert older.json["enrollment_id"] == named.json["enrollment_id"]


async def test_required_fields_of_other_campaigns_are_not_required(gateway: Gateway) -> None:
    missing = await sign_up(gateway, NEW_YEAR, {"email": "goran@example.org"})
    wrong = await sign_up(gateway, NEW_YEAR, {**GORAN, "team_size": "many"})

    assert (missing.status, missing.fields) == (422, ["first_name"])
    assert wrong.status == 202
    [timeline] = await read_timelines(gateway.context.intake.ledger, "goran@example.org", now_ms=gateway.clock.now_ms())
    assert [(note.field, note.what) for note in timeline.notes] == [
        ("team_size", "was left out: it must be a whole number from 1 to 500")
    ]


async def test_signup_for_a_campaign_that_is_not_played_is_404(gateway: Gateway) -> None:
    answer = await sign_up(gateway, "nowhere", GORAN)

    assert (answer.status, answer.headers["Content-Type"]) == (404, "application/problem+json")


async def test_signup_before_the_campaign_opens_is_stored_without_an_enrollment(
    open_gateway: OpenGateway, store_url: str, campaign: Campaign, new_year: Campaign, clock: VirtualClock
) -> None:
    later = campaign_of(replace(new_year.compiled, opens="2099-01-01"))
    gateway = await open_gateway(store_url, campaigns=Campaigns(campaign, later))

    first = await sign_up(gateway, NEW_YEAR, GORAN, id="a")
    again = await sign_up(gateway, NEW_YEAR, GORAN, id="a")

    assert (first.status, first.json["status"], first.json["enrollment_id"]) == (200, "closed", None)
    assert again.body == first.body
    assert not await gateway.store.exists(keys.UNDER_WAY)
    assert await gateway.store.hget(keys.COUNTS, "signups:closed") == b"1"
    [timeline] = await read_timelines(gateway.context.intake.ledger, "goran@example.org", now_ms=gateway.clock.now_ms())
    assert [(entry.what, entry.detail) for entry in timeline.happened] == [("signup closed", NEW_YEAR)]


async def test_contact_of_an_excluded_campaign_is_not_enrolled(
    open_gateway: OpenGateway, store_url: str, campaign: Campaign, new_year: Campaign
) -> None:
    jealous = campaign_of(replace(new_year.compiled, excludes=("christmas_2025",)))
    gateway = await open_gateway(store_url, campaigns=Campaigns(campaign, jealous))
    await gateway.sign_up({"email": "goran@example.org", "first_name": "Goran", "assessment_score": 42})

    goran = await sign_up(gateway, NEW_YEAR, GORAN)
    hana = await sign_up(gateway, NEW_YEAR, {"email": "hana@example.org", "first_name": "Hana"})

    assert (goran.status, goran.json["status"], hana.json["status"]) == (200, "excluded", "accepted")


async def test_a_signup_of_the_second_campaign_survives_an_outage(
    open_gateway: OpenGateway, own_store: EmbeddedStore, campaign: Campaign, new_year: Campaign
) -> None:
    gateway = await open_gateway(own_store.url, campaigns=Campaigns(campaign, new_year))
    own_store.stop()
    spooled = await sign_up(gateway, NEW_YEAR, GORAN)
    own_store.start()
    await gateway.wait_until_replayed()

    assert (spooled.status, spooled.json["segment"]) == (202, "ESTABLISHED")
    found = await gateway.context.intake.ledger.enrollments.get(spooled.json["enrollment_id"])
    assert found is not None
    assert (found.campaign, found.segment) == (NEW_YEAR, "ESTABLISHED")


async def test_the_description_names_the_fields_of_each_campaign(gateway: Gateway) -> None:
    described = (await gateway.request("GET", "/openapi.json")).json

    operation = described["paths"]["/webhook/signup/{campaign}"]["post"]
    assert operation["parameters"][0]["schema"]["enum"] == ["christmas_2025", NEW_YEAR]
    schema = described["components"]["schemas"][f"Signup_{NEW_YEAR}"]
    assert schema["required"] == ["email", "first_name"]
    assert {"team_size", "monthly_revenue", "main_goal"} <= schema["properties"].keys()
