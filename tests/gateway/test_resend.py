"""What became of a mail reaches its person: every event of Resend, signed by Svix, once, in any order."""

from __future__ import annotations

import json
from typing import Any

import pytest

from common.clock import VirtualClock, iso
from common.domain.delivery import DeliveryStatus
from common.domain.enrollment import ExitReason
from common.domain.feedback import FeedbackKind
from common.domain.ids import enrollment_id
from common.ledger import keys
from common.store.embedded import EmbeddedStore
from services.gateway.webhooks.resend_payload import KINDS, read
from tests.gateway.conftest import Opener, Site, person, secret
from tests.gateway.senders import RESEND, RESEND_SECRET, SECRETS, resend_events, resend_posts, svix_signature

ADA = enrollment_id("christmas_2025", "ada@example.org")
TAGS = {"campaign": "christmas_2025", "enrollment": ADA, "step": "step-1"}
EVENTS = {(event["type"], event["data"].get("bounce", {}).get("type")): event for event in resend_events()}


@pytest.fixture
async def site(opens: Opener, store_url: str) -> Site:
    return await opens(store_url, **SECRETS)


def event(name: str, bounce: str | None = None, /, *, tags: Any = TAGS, **data: Any) -> dict[str, Any]:
    """Resend's own example, about Ada's first mail."""
    told = EVENTS[f"email.{name}", bounce]
    return {**told, "data": {**told["data"], "to": ["ada@example.org"], "tags": tags, **data}}


async def ada_was_sent_her_first(site: Site) -> None:
    """Signed up, classified, and her first mail was accepted."""
    await site.signs_up(person("ada", red_systems=1))
    ledger, now_ms = site.door.intake.ledger, site.clock.now_ms()
    enrollment = await ledger.enrollments.get(ADA)
    assert enrollment is not None
    await ledger.signups.enroll(enrollment, now_ms=now_ms, announce=False)
    await site.store.zadd(keys.HEARTBEATS, {"w1": 9e15})
    claim: Any = await ledger.deliveries.claim(ledger.deliveries(ADA)[0], worker="w1", now_ms=now_ms)
    await ledger.deliveries.freeze(claim, "mail", now_ms=now_ms)
    assert await ledger.deliveries.settle(claim, "accepted", "re_1", now_ms=now_ms)


async def ada(site: Site) -> Any:
    return await site.door.intake.ledger.enrollments.get(ADA)


async def test_a_delivery_is_accepted_and_written_down(site: Site, clock: VirtualClock) -> None:
    await ada_was_sent_her_first(site)
    answer = await resend_posts(site, event("delivered"))

    assert (answer.status, answer.json) == (
        202,
        {
            "status": "accepted",
            "event": "email.delivered",
            "delivery_id": f"{ADA}/step-1",
            "timestamp": iso(clock.now_ms()),
        },
    )
    assert (await ada(site)).records[1].fate is DeliveryStatus.DELIVERED


@pytest.mark.parametrize(
    ("name", "bounce", "kind", "fate", "reason"),
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
async def test_each_event_has_its_meaning(
    site: Site,
    name: str,
    bounce: str | None,
    kind: FeedbackKind | None,
    fate: DeliveryStatus,
    reason: ExitReason | None,
) -> None:
    await ada_was_sent_her_first(site)
    answer = await resend_posts(site, event(name, bounce))

    enrollment = await ada(site)
    assert (answer.status, enrollment.fate_of(1)[0], enrollment.exit_reason) == (202, fate, reason)
    assert [one.kind for one in await site.door.intake.ledger.feedback.of(ADA)] == ([kind] if kind else [])
    assert await site.store.hlen(keys.SUPPRESSED) == (1 if reason else 0)


def test_the_reason_is_told_and_names_nobody() -> None:
    bounce = {"type": "Permanent", "subType": "NoEmail", "diagnosticCode": ["smtp; 550 <ada@example.org> unknown\r\n"]}
    details = [
        read(one, campaign="christmas_2025", received_ms=1).detail  # type: ignore[union-attr]
        for one in (
            event("bounced", "Permanent", bounce=bounce),
            event("suppressed"),
            event("failed"),
            event("clicked"),
        )
    ]

    assert details == ["Permanent NoEmail smtp; 550 <[address]> unknown", "previous_bounce", "reached_daily_quota", ""]


@pytest.mark.parametrize("bounce", [None, {}, [], "Permanent", {"type": "Undetermined"}, {"type": ["Permanent"]}])
def test_only_what_is_called_permanent_is(bounce: Any) -> None:
    read_: Any = read(event("bounced", "Permanent", bounce=bounce), campaign="christmas_2025", received_ms=1)

    assert (read_.kind, read_.ends) == (FeedbackKind.SOFT_BOUNCED, None)


async def test_every_example_of_resend_is_read_and_none_is_ours(site: Site) -> None:
    answers = [await resend_posts(site, one) for one in resend_events()]

    assert {answer.status for answer in answers} == {200}
    assert {answer.json["status"] for answer in answers} == {"ignored"}
    assert {answer.json["event"] for answer in answers} == set(KINDS)
    assert await site.keys() == 0


@pytest.mark.parametrize(
    "tags",
    [
        *(None, {}, [], "enrollment", [{"name": "campaign", "value": "christmas_2025"}]),
        *(TAGS | {"campaign": "easter_2026"}, TAGS | {"enrollment": "enr_x"}, TAGS | {"enrollment": ["enr_x"]}),
        *(TAGS | {"step": "step-0"}, TAGS | {"step": "step-1/x"}, TAGS | {"step": 1}, {**TAGS, "step": "1"}),
        {"campaign": "christmas_2025", "enrollment": ADA, "booking": "bkg_x", "start": "1", "reminder": "24h"},
    ],
)
async def test_a_mail_without_our_tags_is_not_ours(site: Site, tags: Any) -> None:
    answer = await resend_posts(site, event("bounced", "Permanent", tags=tags))

    assert (answer.status, answer.json["status"]) == (200, "ignored")
    assert await site.keys() == 0


async def test_a_reminder_is_known_by_its_tags(site: Site) -> None:
    booking = "bkg_" + "a" * 16
    tags = {"campaign": "christmas_2025", "enrollment": ADA, "booking": booking, "start": "1796320800000"}
    answer = await resend_posts(site, event("bounced", "Permanent", tags=tags | {"reminder": "24h"}))

    assert answer.json["delivery_id"] == f"{booking}/1796320800000/24h"
    assert await site.store.hlen(keys.SUPPRESSED) == 1


@pytest.mark.parametrize("name", ["email.scheduled", "email.received", "contact.created", "domain.updated", "made.up"])
async def test_other_events_change_nothing(site: Site, name: str) -> None:
    answer = await resend_posts(site, event("delivered") | {"type": name})

    assert (answer.status, answer.json["event"]) == (200, name)
    assert await site.keys() == 0


async def test_a_repeated_id_gets_the_same_bytes_and_does_nothing(site: Site, clock: VirtualClock) -> None:
    await ada_was_sent_her_first(site)
    first = await resend_posts(site, event("opened"), id="msg_1")
    clock.advance(60_000)
    again = await resend_posts(site, event("opened"), id="msg_1")

    assert (again.status, again.body) == (202, first.body)
    assert [one.times for one in await site.door.intake.ledger.feedback.of(ADA)] == [1]


@pytest.mark.parametrize("wrong", [{"type": None}, {"type": 7}, {"type": ""}, {"type": ["email.sent"]}])
async def test_a_type_is_required(site: Site, wrong: dict[str, Any]) -> None:
    assert (await resend_posts(site, event("sent") | wrong)).fields == ["type"]


@pytest.mark.parametrize(
    "data", [None, [], "x", {"tags": TAGS}, {"tags": TAGS, "to": 7, "email_id": [], "created_at": 1}]
)
async def test_what_is_missing_is_done_without(site: Site, data: Any) -> None:
    answer = await resend_posts(site, {"type": "email.complained", "created_at": "then", "data": data})

    assert answer.status == (202 if isinstance(data, dict) else 200)


async def test_feedback_is_taken_while_the_store_is_away(
    opens: Opener, own_store: EmbeddedStore, clock: VirtualClock
) -> None:
    site = await opens(own_store.url, **SECRETS)
    await ada_was_sent_her_first(site)
    own_store.stop()

    first = await resend_posts(site, event("bounced", "Permanent"), id="msg_1")
    clock.advance(60_000)
    assert (first.status, (await resend_posts(site, event("bounced", "Permanent"), id="msg_1")).body) == (
        202,
        first.body,
    )

    own_store.start()
    await site.settled()
    assert ((await ada(site)).exit_reason, (await ada(site)).records[1].fate) == (
        ExitReason.BOUNCED,
        DeliveryStatus.BOUNCED,
    )
    assert (await resend_posts(site, event("bounced", "Permanent"), id="msg_1")).body == first.body


async def test_only_resend_may_tell(site: Site) -> None:
    body = json.dumps(event("complained")).encode()
    now = str(site.clock.now_ms() // 1000)
    good = {"svix-id": "msg_1", "svix-timestamp": now, "svix-signature": svix_signature(body, id="msg_1", at=now)}
    stale = str(site.clock.now_ms() // 1000 - 301)
    wrong: list[dict[str, str]] = [
        {},
        good | {"svix-id": "msg_2"},
        good | {"svix-signature": svix_signature(body, id="msg_1", at=now, key=secret("x"))},
        good | {"svix-timestamp": stale, "svix-signature": svix_signature(body, id="msg_1", at=stale)},
        {name.replace("svix", "webhook"): value for name, value in good.items()},
        *(good | {name: "\u00e9"} for name in good),
    ]

    assert {(await site.asks("POST", RESEND, data=body, headers=headers)).status for headers in wrong} == {401}
    assert await site.keys() == 0
    assert (await site.asks("POST", RESEND, data=body, headers=good)).status == 202


async def test_either_secret_is_good_while_rotating(opens: Opener, store_url: str) -> None:
    both = {"resend_webhook_secret": f"{secret('n')}, {RESEND_SECRET}"}
    site = await opens(store_url, **SECRETS | both)

    assert (await resend_posts(site, event("delivered"))).status == 202
