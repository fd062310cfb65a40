"""Text that strangers type reaches no mail, even if it was stored before texts were filtered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import redis.asyncio

from common.campaigns.loader import Campaign
from common.clock import VirtualClock
from common.domain.contact import Assessment
from common.normalization.locale import read_timestamp_ms
from common.settings.settings import Settings
from services.simulation.engine import Simulation
from tests.reported_calls import parse_event

CASES = Path(__file__).parent.parent / "fixtures" / "cases"
GUEST = "ada@example.com"
ADVERTS = ("evil.example", "$900", "visit xyz")
NOW_MS = read_timestamp_ms("2026-11-29T10:00:00Z") or 0


def case(name: str) -> list[dict[str, Any]]:
    [path] = CASES.glob(f"{name}.json")
    body = json.loads(path.read_text())
    return body if isinstance(body, list) else [body]


@pytest.fixture
def simulation(store: redis.asyncio.Redis, campaign: Campaign) -> Simulation:
    settings = Settings(secret_key="k" * 32, sandboxed=frozenset({"resend", "notion"}), meeting_hosts="app.example.com")
    return Simulation(store, campaign, settings, clock=VirtualClock(NOW_MS))


async def book(simulation: Simulation, body: dict[str, Any], **changes: Any) -> None:
    event = parse_event(
        {**body, "payload": {**body["payload"], **changes}}, received_ms=simulation.clock.now_ms(), types=()
    )
    await simulation.receive(event)


async def enroll(simulation: Simulation) -> None:
    await simulation.sign_up(Assessment(email=GUEST, first_name="Ada", assessment_score=50))


def reminders(simulation: Simulation) -> list[Any]:
    return [mail for mail in simulation.mailer.inbox_of(GUEST) if "reminder" in mail.tags]


@pytest.mark.parametrize("name", sorted(path.stem for path in CASES.glob("s01_*")))
async def test_advertisement_stored_before_filtering_is_in_no_mail(simulation: Simulation, name: str) -> None:
    [fields] = case(name)
    await simulation.sign_up(Assessment(**fields))
    await simulation.run()

    mails = simulation.mailer.inbox_of(fields["email"])
    greeting = f"Hi {fields['first_name']}," if "business" in name else "Hello,"
    assert len(mails) == 7
    for mail in mails:
        assert mail.text.startswith(greeting)
        assert not [advert for advert in ADVERTS if advert in mail.subject + mail.text + mail.html]


async def test_placeholder_stored_before_filtering_is_not_used_as_a_name(simulation: Simulation) -> None:
    for fields in case("s81_name_placeholder"):
        await simulation.sign_up(Assessment(**fields))
    await simulation.run()

    mails = [mail for _, mail in simulation.mailer.accepted_mails]
    assert len(mails) == 7 * 7
    assert all(mail.text.startswith("Hello,") and mail.subject[0].isupper() for mail in mails)


async def test_hostile_signup_stored_before_filtering_reaches_no_mail(simulation: Simulation) -> None:
    for fields in case("hostile")[0]["signups"]:
        await simulation.sign_up(Assessment(**fields))
    await simulation.run()

    mails = [mail for _, mail in simulation.mailer.accepted_mails]
    assert len(mails) == 8 * 7
    for mail in mails:
        shown = mail.subject + mail.text + mail.html
        assert not [word for word in (*ADVERTS, "fraud.example", "bit.ly", "0100", "<script", "alert") if word in shown]


async def test_hostile_booking_text_reaches_no_reminder(simulation: Simulation) -> None:
    bookings = case("hostile")[0]["bookings (location, attendee, name, title of a BOOKING_CREATED)"]
    [body] = case("c78_advert_in_title")
    for number, given in enumerate(bookings):
        guest = {"email": given["email"], "name": given["name"], "timeZone": "America/Toronto"}
        changes = {"uid": f"h{number}", "location": given["location"], "metadata": {}, "attendees": [guest]}
        await book(simulation, body, title=given["title"], **changes)
    await simulation.run()

    mails = [mail for _, mail in simulation.mailer.accepted_mails]
    assert len(mails) >= 3
    for mail in mails:
        assert "Where we meet is in your booking confirmation" in mail.text or mail.tags["reminder"] == "72h"
        assert not [advert for advert in ADVERTS if advert in mail.subject + mail.text + mail.html]


async def test_implausible_revenue_leak_is_left_out(simulation: Simulation) -> None:
    fields = {"first_name": "Ada", "assessment_score": 50}
    for email, leak in (("true@example.com", 5_000_000), ("false@example.com", 5_000_001)):
        await simulation.sign_up(Assessment(email=email, revenue_leak_total=leak, **fields))
    await simulation.run(until_ms=NOW_MS + 60_000)

    assert "$5,000,000" in simulation.mailer.inbox_of("true@example.com")[0].text
    assert "$" not in simulation.mailer.inbox_of("false@example.com")[0].text


async def test_advertisement_in_a_booking_title_is_in_no_reminder(simulation: Simulation) -> None:
    await enroll(simulation)
    [body] = case("c78_advert_in_title")
    await book(simulation, body)
    await simulation.run()

    assert len(reminders(simulation)) == 3
    for mail in reminders(simulation):
        assert mail.text.startswith("Hi Ada,")
        assert not [advert for advert in ADVERTS if advert in mail.text + mail.html]
        assert "with Sarah Host" in mail.text or mail.tags["reminder"] == "24h"


@pytest.mark.parametrize("is_enrolled", [True, False])
async def test_booking_title_is_shown_to_enrolled_guests_only(simulation: Simulation, is_enrolled: bool) -> None:
    if is_enrolled:
        await enroll(simulation)
    [body] = case("c78_advert_in_title")
    await book(simulation, body, title="Win a prize with Ada", attendees=[{"email": GUEST, "name": "Ada Winner"}])
    await simulation.run()

    assert [mail.text.startswith("Hi Ada,") for mail in reminders(simulation)] == [True] * 3
    assert is_enrolled == any("Win a prize" in mail.text for mail in reminders(simulation))
    assert not any("Winner" in mail.text for mail in reminders(simulation))


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/call",
        "https://app.example.com@evil.example/call",
        "https://app.example.com.evil.example/call",
        "https://evilapp.example.com/call",
    ],
)
async def test_a_link_to_an_unknown_host_is_left_out_and_the_reminder_reads_well(
    simulation: Simulation, link: str
) -> None:
    await enroll(simulation)
    [body] = case("c78_advert_in_title")
    await book(simulation, body, metadata={"videoCallUrl": link})
    await simulation.run()

    *_, last = reminders(simulation)
    assert link not in last.html + last.text
    assert "Where we meet is in your booking confirmation" in last.text


async def test_a_link_to_a_known_host_is_behind_the_button(simulation: Simulation) -> None:
    await enroll(simulation)
    [body] = case("c78_advert_in_title")
    await book(simulation, body)
    await simulation.run()

    assert "Join the call: https://app.example.com/video/ad2" in reminders(simulation)[-1].text


async def test_moved_call_changes_the_subjects_and_every_mail_has_its_own_reference(simulation: Simulation) -> None:
    await enroll(simulation)
    for body in case("c31_moved_call_same_subject"):
        await simulation.run(until_ms=max(simulation.clock.now_ms(), read_timestamp_ms(body["createdAt"]) or 0))
        await book(simulation, body)
    await simulation.run()

    subjects = [mail.subject for mail in reminders(simulation)]
    days = {" ".join(" ".join(subject.split(":")[:2]).split()) for subject in subjects}
    assert days == {"Our call on Thursday, December 3 at 1 00 p.m.", "Our call on Saturday, December 5 at 1 00 p.m."}
    assert len(subjects) == len(set(subjects))
    references = [mail.headers["X-Entity-Ref-ID"] for _, mail in simulation.mailer.accepted_mails]
    assert len(references) == len(set(references)) > len(subjects)
