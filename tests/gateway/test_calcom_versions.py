"""Both versions of Cal.com's webhooks say the same; the later one adds invitations, which are not needed here."""

from __future__ import annotations

from typing import Any

import icalendar
import pytest

from common.domain.ids import booking_id
from tests.gateway.conftest import Gateway, OpenGateway
from tests.gateway.senders import SECRETS, fixture, post_calcom
from tests.reported_calls import parse_event

LATER = "2026-07-27"
INVITATIONS = ("attendeeIcsContent", "organizerIcsContent")
EVENTS = pytest.mark.parametrize("name", ["booking_created", "booking_rescheduled", "booking_cancelled"])


@pytest.fixture
async def gateway(open_gateway: OpenGateway, store_url: str) -> Gateway:
    return await open_gateway(store_url, **SECRETS)


def later(name: str) -> dict[str, Any]:
    return fixture(f"{LATER}_{name}")


@EVENTS
def test_both_webhook_versions_of_cal_com_yield_the_same_event(name: str) -> None:
    both = [parse_event(sent, received_ms=1, types=()) for sent in (fixture(name), later(name))]

    assert both[0] == both[1]
    assert all(content in later(name)["payload"] for content in INVITATIONS)


@EVENTS
def test_invitation_of_cal_com_has_the_uid_and_sequence_of_our_calendar_files(name: str) -> None:
    event = parse_event(later(name), received_ms=1, types=())

    for content in INVITATIONS:
        [invitation] = icalendar.Calendar.from_ical(later(name)["payload"][content]).walk("VEVENT")
        assert (str(invitation["UID"]), int(invitation["SEQUENCE"])) == (event.ical_uid, event.sequence)


@EVENTS
async def test_same_booking_from_both_webhook_versions_is_one_event(gateway: Gateway, name: str) -> None:
    first = await post_calcom(gateway, later(name), **{"X-Cal-Webhook-Version": LATER})
    second = await post_calcom(gateway, fixture(name), **{"X-Cal-Webhook-Version": "2021-10-20"})

    assert (first.status, second.status) == (202, 202)
    assert first.json == second.json
    uid = fixture(name)["payload"]["uid"]
    [kept] = (await gateway.context.intake.ledger.bookings.gather(booking_id(uid))).events
    assert "VCALENDAR" not in kept.to_json()


@pytest.mark.parametrize("content", [None, 5, [], {"a": 1}, "", "BEGIN:VCALENDAR\nUID:\x00" + "x" * 20_000])
async def test_malformed_invitation_never_refuses_a_booking(gateway: Gateway, content: Any) -> None:
    sent = later("booking_created")
    sent["payload"] |= dict.fromkeys(INVITATIONS, content)

    assert (await post_calcom(gateway, sent, **{"X-Cal-Webhook-Version": LATER})).status == 202
    assert await gateway.context.intake.ledger.unread_bookings.read_all() == []


@pytest.mark.parametrize(
    ("version", "named"), [(LATER, False), ("2021-10-20", False), ("2027-01-31", True), ("<b>", False), ("", False)]
)
async def test_unknown_webhook_version_is_named_with_an_unreadable_body(
    gateway: Gateway, version: str, named: bool
) -> None:
    sent = later("booking_created")
    del sent["payload"]["startTime"]
    assert (await post_calcom(gateway, sent, **{"X-Cal-Webhook-Version": version})).status == 422

    [kept] = await gateway.context.intake.ledger.unread_bookings.read_all()
    assert kept.reason.endswith(f"(webhook version {version})") is named
