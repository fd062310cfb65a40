"""Every event of Resend, signed by Svix, is recorded once for its contact, in any order."""

from __future__ import annotations

import json
from typing import Any

import pytest

from common.clock import VirtualClock, iso
from common.domain.delivery import DeliveryStatus
from common.domain.enrollment import ExitReason
from common.domain.feedback import FeedbackKind
from common.domain.ids import enrollment_id, step_delivery_id
from common.ledger import keys
from common.store.embedded import EmbeddedStore
from services.gateway.webhooks.resend_payload import KIND_BY_EVENT, parse_event
from tests.gateway.conftest import Gateway, OpenGateway, person, secret
from tests.gateway.senders import RESEND, RESEND_SECRET, SECRETS, post_resend, resend_events, svix_signature

ADA = enrollment_id("christmas_2025", "ada@example.org")
TAGS = {"campaign": "christmas_2025", "enrollment": ADA, "step": "step-1"}
EVENTS = {(event["type"], event["data"].get("bounce", {}).get("type")): event for event in resend_events()}


@pytest.fixture
async def gateway(open_gateway: OpenGateway, store_url: str) -> Gateway:
    return await open_gateway(store_url, **SECRETS)


def event(name: str, bounce: str | None = None, /, *, tags: Any = TAGS, **data: Any) -> dict[str, Any]:
    """Return Resend's own example of this event, changed to be about Ada's first mail."""
    example = EVENTS[f"email.{name}", bounce]
    return {**example, "data": {**example["data"], "to": ["ada@example.org"], "tags": tags, **data}}


async def accept_first_mail_of_ada(gateway: Gateway) -> None:
    """Sign Ada up, enroll her, and record that Resend accepted her first mail."""
    await gateway.sign_up(person("ada", red_systems=1))
    ledger, now_ms = gateway.context.intake.ledger, gateway.clock.now_ms()
    enrollment = await ledger.enrollments.get(ADA)
    assert enrollment is not None
    await ledger.signups.enroll(enrollment, now_ms=now_ms, announce=False)
    await gateway.store.zadd(keys.HEARTBEATS, {"w1": 9e15})
    claim: Any = await ledger.deliveries.claim(step_delivery_id(ADA, 1), worker="w1", now_ms=now_ms)
    await ledger.deliveries.freeze(claim, "mail", now_ms=now_ms)
    assert await ledger.deliveries.settle(claim, "accepted", "re_1", now_ms=now_ms)


async def ada(gateway: Gateway) -> Any:
    return await gateway.context.intake.ledger.enrollments.get(ADA)


async def test_a_delivered_event_is_accepted_and_recorded(gateway: Gateway, clock: VirtualClock) -> None:
    await accept_first_mail_of_ada(gateway)
    answer = await post_resend(gateway, event("delivered"))

    assert (answer.status, answer.json) == (
        202,
        {
            "status": "accepted",
            "event": "email.delivered",
            "delivery_id": f"{ADA}/step-1",
            "timestamp": iso(clock.now_ms()),
        },
    )
    assert (await ada(gateway)).records[1].status is DeliveryStatus.DELIVERED


@pytest.mark.parametrize(
    ("name", "bounce", "kind", "final_status", "reason"),
    [
        ("sent", None, None, DeliveryStatus.ACCEPTED, None),
        ("delivered", None, FeedbackKind.DELIVERED, DeliveryStatus.DELIVERED, None),
        ("delivery_delayed", None, FeedbackKind.DELAYED, DeliveryStatus.ACCEPTED, None),
        ("bounced", "Permanent", FeedbackKind.BOUNCED, DeliveryStatus.BOUNCED, ExitReason.BOUNCED),
        ("bounced", "Transient", FeedbackKind.SOFT_BOUNCED, DeliveryStatus.ACCEPTED, None),
        ("complained", None, FeedbackKind.COMPLAINED, DeliveryStatus.COMPLAINED, ExitReason.COMPLAINED),
        ("suppressed", None, FeedbackKind.SUPPRESSED, DeliveryStatus.BOUNCED, ExitReason.BOUNCED),
        ("failed", None, FeedbackKind.FAILED, DeliveryStatus.ACCEPTED, None),
        ("opened", None, FeedbackKind.OPENED, DeliveryStatus.ACCEPTED, None),
        ("clicked", None, FeedbackKind.CLICKED, DeliveryStatus.ACCEPTED, None),
    ],
)
async def test_each_event_has_its_effect(
    gateway: Gateway,
    name: str,
    bounce: str | None,
    kind: FeedbackKind | None,
    final_status: DeliveryStatus,
    reason: ExitReason | None,
) -> None:
    await accept_first_mail_of_ada(gateway)
    answer = await post_resend(gateway, event(name, bounce))

    enrollment = await ada(gateway)
    assert (answer.status, enrollment.step_status(1)[0], enrollment.exit_reason) == (202, final_status, reason)
    assert [one.kind for one in await gateway.context.intake.ledger.feedback.of(ADA)] == ([kind] if kind else [])
    assert await gateway.store.hlen(keys.SUPPRESSED) == (1 if reason else 0)


def test_the_detail_contains_no_address() -> None:
    bounce = {"type": "Permanent", "subType": "NoEmail", "diagnosticCode": ["smtp; 550 <ada@example.org> unknown\r\n"]}
    details = [
        parse_event(one, campaigns=["christmas_2025"], received_ms=1).detail  # type: ignore[union-attr]
        for one in (
            event("bounced", "Permanent", bounce=bounce),
            event("suppressed"),
            event("failed"),
            event("clicked"),
        )
    ]

    assert details == ["Permanent NoEmail smtp; 550 <[address]> unknown", "previous_bounce", "reached_daily_quota", ""]


@pytest.mark.parametrize("bounce", [None, {}, [], "Permanent", {"type": "Undetermined"}, {"type": ["Permanent"]}])
def test_a_bounce_is_permanent_only_when_resend_says_so(bounce: Any) -> None:
    parsed: Any = parse_event(event("bounced", "Permanent", bounce=bounce), campaigns=["christmas_2025"], received_ms=1)

    assert (parsed.kind, parsed.ends) == (FeedbackKind.SOFT_BOUNCED, None)


async def test_every_example_of_resend_is_parsed_and_ignored(gateway: Gateway) -> None:
    answers = [await post_resend(gateway, one) for one in resend_events()]

    assert {answer.status for answer in answers} == {200}
    assert {answer.json["status"] for answer in answers} == {"ignored"}
    assert {answer.json["event"] for answer in answers} == set(KIND_BY_EVENT)
    assert await gateway.key_count() == 0


@pytest.mark.parametrize(
    "tags",
    [
        *(None, {}, [], "enrollment", [{"name": "campaign", "value": "christmas_2025"}]),
        *(TAGS | {"campaign": "easter_2026"}, TAGS | {"enrollment": "enr_x"}, TAGS | {"enrollment": ["enr_x"]}),
        *(TAGS | {"step": "-step"}, TAGS | {"step": "step-1/x"}, TAGS | {"step": 1}, {**TAGS, "step": "Step 1"}),
        *(TAGS | {"campaign": {"value": "christmas_2025"}}, TAGS | {"campaign": ["christmas_2025"]}),
        {"campaign": "christmas_2025", "enrollment": ADA, "booking": "bkg_x", "start": "1", "reminder": "24h"},
    ],
)
async def test_a_mail_without_tags_of_this_campaign_is_ignored(gateway: Gateway, tags: Any) -> None:
    answer = await post_resend(gateway, event("bounced", "Permanent", tags=tags))

    assert (answer.status, answer.json["status"]) == (200, "ignored")
    assert await gateway.key_count() == 0


async def test_a_reminder_is_identified_by_its_tags(gateway: Gateway) -> None:
    booking = "bkg_" + "a" * 16
    tags = {"campaign": "christmas_2025", "enrollment": ADA, "booking": booking, "start": "1796320800000"}
    answer = await post_resend(gateway, event("bounced", "Permanent", tags=tags | {"reminder": "24h"}))

    assert answer.json["delivery_id"] == f"{booking}/1796320800000/24h"
    assert await gateway.store.hlen(keys.SUPPRESSED) == 1


async def test_a_follow_up_is_identified_by_its_tags(gateway: Gateway) -> None:
    booking = "bkg_" + "a" * 16
    tags = {"campaign": "christmas_2025", "enrollment": ADA, "booking": booking, "trigger": "no_show"}
    answer = await post_resend(gateway, event("bounced", "Permanent", tags=tags | {"follow_up": "missed"}))
    another = await post_resend(gateway, event("bounced", "Permanent", tags=tags | {"trigger": "x", "follow_up": "y"}))

    assert answer.json["delivery_id"] == f"{booking}/no_show/missed"
    assert another.json["status"] == "ignored"


@pytest.mark.parametrize("name", ["email.scheduled", "email.received", "contact.created", "domain.updated", "made.up"])
async def test_other_events_of_resend_are_ignored(gateway: Gateway, name: str) -> None:
    answer = await post_resend(gateway, event("delivered") | {"type": name})

    assert (answer.status, answer.json["event"]) == (200, name)
    assert await gateway.key_count() == 0


async def test_a_repeated_id_gets_the_same_bytes_and_has_no_effect(gateway: Gateway, clock: VirtualClock) -> None:
    await accept_first_mail_of_ada(gateway)
    first = await post_resend(gateway, event("opened"), id="msg_1")
    clock.advance(60_000)
    again = await post_resend(gateway, event("opened"), id="msg_1")

    assert (again.status, again.body) == (202, first.body)
    assert [one.times for one in await gateway.context.intake.ledger.feedback.of(ADA)] == [1]


@pytest.mark.parametrize("wrong", [{"type": None}, {"type": 7}, {"type": ""}, {"type": ["email.sent"]}])
async def test_a_type_is_required(gateway: Gateway, wrong: dict[str, Any]) -> None:
    assert (await post_resend(gateway, event("sent") | wrong)).fields == ["type"]


@pytest.mark.parametrize(
    "data", [None, [], "x", {"tags": TAGS}, {"tags": TAGS, "to": 7, "email_id": [], "created_at": 1}]
)
async def test_optional_fields_of_an_event_may_be_missing(gateway: Gateway, data: Any) -> None:
    answer = await post_resend(gateway, {"type": "email.complained", "created_at": "then", "data": data})

    assert answer.status == (202 if isinstance(data, dict) else 200)


async def test_feedback_during_a_store_outage_is_replayed(
    open_gateway: OpenGateway, own_store: EmbeddedStore, clock: VirtualClock
) -> None:
    gateway = await open_gateway(own_store.url, **SECRETS)
    await accept_first_mail_of_ada(gateway)
    own_store.stop()

    first = await post_resend(gateway, event("bounced", "Permanent"), id="msg_1")
    clock.advance(60_000)
    assert (first.status, (await post_resend(gateway, event("bounced", "Permanent"), id="msg_1")).body) == (
        202,
        first.body,
    )

    own_store.start()
    await gateway.wait_until_replayed()
    assert ((await ada(gateway)).exit_reason, (await ada(gateway)).records[1].status) == (
        ExitReason.BOUNCED,
        DeliveryStatus.BOUNCED,
    )
    assert (await post_resend(gateway, event("bounced", "Permanent"), id="msg_1")).body == first.body


async def test_only_resend_may_send_feedback(gateway: Gateway) -> None:
    body = json.dumps(event("complained")).encode()
    now = str(gateway.clock.now_ms() // 1000)
    good = {"svix-id": "msg_1", "svix-timestamp": now, "svix-signature": svix_signature(body, id="msg_1", at=now)}
    stale = str(gateway.clock.now_ms() // 1000 - 301)
    wrong: list[dict[str, str]] = [
        {},
        good | {"svix-id": "msg_2"},
        good | {"svix-signature": svix_signature(body, id="msg_1", at=now, key=secret("x"))},
        good | {"svix-timestamp": stale, "svix-signature": svix_signature(body, id="msg_1", at=stale)},
        {name.replace("svix", "calcom"): value for name, value in good.items()},
        *(good | {name: "\u00e9"} for name in good),
    ]

    assert {(await gateway.request("POST", RESEND, data=body, headers=headers)).status for headers in wrong} == {401}
    assert await gateway.key_count() == 0
    assert (await gateway.request("POST", RESEND, data=body, headers=good)).status == 202


async def test_either_secret_is_valid_during_a_rotation(open_gateway: OpenGateway, store_url: str) -> None:
    both = {"resend_webhook_secret": f"{secret('n')}, {RESEND_SECRET}"}
    gateway = await open_gateway(store_url, **SECRETS | both)

    assert (await post_resend(gateway, event("delivered"))).status == 202
