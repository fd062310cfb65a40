"""Feedback as Resend really sends it: a permanent bounce ends mail to an address, a full mailbox does not."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from common.campaigns.campaign import Campaign
from common.campaigns.campaigns import Campaigns
from common.domain.enrollment import ExitReason
from common.domain.ids import EnrollmentId, enrollment_id, step_delivery_id
from common.health_checks import Level, check_health
from common.ledger import keys
from common.ledger.reads.contact_timeline import read_contact_timeline
from common.ledger.reads.store_stats import read_store_stats
from common.observability import metrics
from common.store.embedded import EmbeddedStore
from tests.gateway.conftest import Gateway, OpenGateway, person
from tests.gateway.senders import RESEND, RESEND_SECRET, SECRETS, post_resend, svix_signature
from tests.packaged import packaged_campaign

CASES = Path(__file__).parents[1] / "fixtures" / "cases"
HOUR_MS = 3_600_000
MAIL_ID = "00000000-0000-4000-8000-000000000001"

Mailed = Callable[..., Awaitable[str]]


@pytest.fixture
async def gateway(open_gateway: OpenGateway, store_url: str) -> Gateway:
    return await open_gateway(store_url, **SECRETS)


async def accepted(gateway: Gateway, who: str, *, mail_id: str) -> None:
    """Enroll this contact, and record that the provider accepted their first mail under `mail_id`."""
    ledger, now_ms, contact = gateway.context.intake.ledger, gateway.clock.now_ms(), EnrollmentId(who)
    enrollment = await ledger.enrollments.get(contact)
    assert enrollment is not None
    await ledger.signups.enroll(enrollment, now_ms=now_ms, announce=False)
    await gateway.store.zadd(keys.HEARTBEATS, {"w1": 9e15})
    claim: Any = await ledger.deliveries.claim(step_delivery_id(contact, 1), worker="w1", now_ms=now_ms)
    await ledger.deliveries.freeze(claim, "mail", now_ms=now_ms)
    assert await ledger.deliveries.settle(claim, "accepted", mail_id, now_ms=now_ms)


@pytest.fixture
def mailed(gateway: Gateway) -> Mailed:
    """Return a function that signs a contact up, has their first mail accepted, and returns the enrollment's id."""

    async def sign_up(address: str = "ada@example.com", *, mail_id: str = MAIL_ID) -> str:
        who = enrollment_id("christmas_2025", address)
        await gateway.sign_up(person(address.partition("@")[0], email=address))
        await accepted(gateway, who, mail_id=mail_id)
        return who

    return sign_up


def case(name: str, *, who: str = "") -> Any:
    [path] = CASES.glob(f"{name}*.json")
    return json.loads(path.read_text().replace("enr_REPLACEBYTHEIRS", who))


async def exit_reason(gateway: Gateway, who: str) -> ExitReason | None:
    enrollment = await gateway.context.intake.ledger.enrollments.get(who)
    assert enrollment is not None
    return enrollment.exit_reason


async def findings(gateway: Gateway) -> dict[str, Level]:
    stats = await read_store_stats(gateway.context.intake.ledger, now_ms=gateway.clock.now_ms())
    return {finding.name: finding.level for finding in check_health(stats)}


async def test_a_mail_without_tags_is_recognized_by_its_id(gateway: Gateway, mailed: Mailed) -> None:
    who = await mailed()
    answer = await post_resend(gateway, case("r09"))

    assert (answer.status, answer.json["delivery_id"]) == (202, f"{who}/step-1")
    assert await exit_reason(gateway, who) is ExitReason.BOUNCED


async def test_a_delivery_without_tags_is_recognized_by_its_id(gateway: Gateway, mailed: Mailed) -> None:
    who = await mailed()
    answer = await post_resend(gateway, case("r09") | {"type": "email.delivered"})

    assert (answer.status, answer.json["delivery_id"]) == (202, f"{who}/step-1")


async def test_tags_are_read_as_a_list_too(gateway: Gateway, mailed: Mailed) -> None:
    who = await mailed(mail_id="another")
    tags = {"campaign": "christmas_2025", "enrollment": who, "step": "step-1"}
    event = case("r09")
    event["data"]["tags"] = [{"name": name, "value": value} for name, value in tags.items()]

    assert (await post_resend(gateway, event)).json["delivery_id"] == f"{who}/step-1"


async def test_five_mailbox_bounces_in_a_row_make_the_address_resting(gateway: Gateway, mailed: Mailed) -> None:
    who = await mailed()
    events = case("r11", who=who)
    ledger = gateway.context.intake.ledger
    for event in events[:4]:
        await post_resend(gateway, event)
    assert await ledger.suppressions.resting("ada@example.com") is None

    for event in events[4:]:
        await post_resend(gateway, event)

    resting = await ledger.suppressions.resting("ada@example.com")
    assert resting is not None
    assert resting.bounces == 5
    timeline: Any = await read_contact_timeline(ledger, EnrollmentId(who), now_ms=gateway.clock.now_ms())
    [entry] = [entry for entry in timeline.happened if entry.what == "resting"]
    assert "5 mailbox bounces in a row" in entry.detail
    assert "mailbox full" in entry.detail
    assert (await exit_reason(gateway, who), (await findings(gateway))["resting"]) == (None, Level.NEEDS_PERSON)


async def test_content_bounce_ends_no_mail_and_three_affected_people_are_an_alert(
    gateway: Gateway, mailed: Mailed
) -> None:
    for name in ("ada", "boris", "chen"):
        assert (await findings(gateway))["content"] is Level.OK
        who = await mailed(f"{name}@example.com")
        for event in case("r39", who=who):
            event["data"]["to"] = [f"{name}@example.com"]
            await post_resend(gateway, event)
        assert await exit_reason(gateway, who) is None

    stats = await read_store_stats(gateway.context.intake.ledger, now_ms=gateway.clock.now_ms())
    assert (stats.content_bounce_people, stats.resting, stats.suppressed) == (3, 0, 0)
    assert (await findings(gateway))["content"] is Level.NEEDS_PERSON
    gateway.clock.advance(25 * HOUR_MS)
    assert (await findings(gateway))["content"] is Level.OK


async def test_a_bounce_without_a_type_is_judged_by_its_text(gateway: Gateway, mailed: Mailed) -> None:
    who = await mailed()
    await post_resend(gateway, case("r84", who=who))

    assert await exit_reason(gateway, who) is ExitReason.BOUNCED


async def test_both_spellings_of_the_signature_headers_are_accepted(gateway: Gateway, mailed: Mailed) -> None:
    who = await mailed()
    body, at = json.dumps(case("r09")).encode(), str(gateway.clock.now_ms() // 1000)
    signature = svix_signature(body, id="msg_r87", at=at, key=RESEND_SECRET)
    [path] = CASES.glob("r87_*")
    names = re.findall(r"webhook-\w+", path.read_text())
    headers = dict(zip(names, ("msg_r87", at, signature), strict=True))
    answer = await gateway.request("POST", RESEND, data=body, headers=headers)
    forged = await gateway.request("POST", RESEND, data=body + b" ", headers=headers)

    assert (answer.status, forged.status) == (202, 401)
    assert await exit_reason(gateway, who) is ExitReason.BOUNCED


@pytest.mark.parametrize(("event", "reason"), [("email.bounced", "bounced"), ("email.complained", "complained")])
async def test_bounce_or_complaint_about_any_mail_ends_mail_to_a_known_address(
    gateway: Gateway, mailed: Mailed, event: str, reason: str
) -> None:
    who = await mailed(mail_id="another")
    reported = case("r09") | {"type": event}
    answers = [await post_resend(gateway, reported, id="msg_1") for _ in range(2)]

    assert [(answer.status, answer.json["delivery_id"]) for answer in answers] == [(202, None)] * 2
    assert answers[0].body == answers[1].body
    assert await exit_reason(gateway, who) == reason
    suppressed = await gateway.context.intake.ledger.suppressions.of("ada@example.com")
    assert suppressed is not None
    assert suppressed.reason == reason


async def test_other_events_about_unknown_mails_are_ignored_and_counted(gateway: Gateway, mailed: Mailed) -> None:
    await mailed(mail_id="another")
    before = {name: metrics.FEEDBACK_IGNORED.labels(name)._value.get() for name in ("email.delivered", "other")}
    reported = case("r09")
    reported["data"] |= {"to": ["ada@example.com", "somebody@example.com"]}  # It is unknown which of the two bounced.
    answers = [
        await post_resend(gateway, case("r09") | {"type": "email.delivered"}),
        await post_resend(gateway, reported),
        await post_resend(gateway, {"type": "contact.created", "data": {}}),
    ]

    assert [(answer.status, answer.json["status"]) for answer in answers] == [(200, "ignored")] * 3
    after = {name: metrics.FEEDBACK_IGNORED.labels(name)._value.get() for name in ("email.delivered", "other")}
    assert after == {"email.delivered": before["email.delivered"] + 1, "other": before["other"] + 1}
    assert await gateway.context.intake.ledger.suppressions.of("ada@example.com") is None


async def test_bounce_without_tags_during_a_store_outage_is_applied_afterwards(
    open_gateway: OpenGateway, own_store: EmbeddedStore
) -> None:
    gateway = await open_gateway(own_store.url, **SECRETS)
    who = enrollment_id("christmas_2025", "ada@example.com")
    await gateway.sign_up(person("ada", email="ada@example.com"))
    own_store.stop()
    first = await post_resend(gateway, case("r09"), id="msg_1")
    assert (first.status, first.json["delivery_id"]) == (202, None)

    own_store.start()
    await gateway.wait_until_replayed()
    assert await exit_reason(gateway, who) is ExitReason.BOUNCED


SECOND = "new_year_2026"


@pytest.fixture
async def of_the_second(open_gateway: OpenGateway, store_url: str, campaign: Campaign) -> tuple[Gateway, str]:
    """Return (gateway of two campaigns, id of an enrollment in the second only)."""
    gateway = await open_gateway(store_url, campaigns=Campaigns(campaign, packaged_campaign(SECOND)), **SECRETS)
    body = json.dumps({"email": "ada@example.com", "first_name": "Ada", "team_size": 9}).encode()
    answer = await gateway.request(
        "POST", f"/webhook/signup/{SECOND}", data=body, headers=gateway.headers(body, id="msg_second")
    )
    assert answer.status == 202
    return gateway, answer.json["enrollment_id"]


async def test_a_mail_of_any_campaign_is_recognized_by_its_id(of_the_second: tuple[Gateway, str]) -> None:
    gateway, who = of_the_second
    await accepted(gateway, who, mail_id=MAIL_ID)
    answer = await post_resend(gateway, case("r09"))

    assert (answer.status, answer.json["delivery_id"]) == (202, f"{who}/step-1")
    assert await exit_reason(gateway, who) is ExitReason.BOUNCED


async def test_bounce_of_an_unknown_mail_ends_mail_to_a_contact_of_any_campaign(
    of_the_second: tuple[Gateway, str],
) -> None:
    gateway, who = of_the_second
    answer = await post_resend(gateway, case("r09"))

    assert (answer.status, answer.json["delivery_id"]) == (202, None)
    assert await exit_reason(gateway, who) is ExitReason.BOUNCED
