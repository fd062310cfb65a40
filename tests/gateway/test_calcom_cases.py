"""Bookings as real forms send them: unusable fields never cost a call; unreadable events wait for a person."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from common.domain.ids import enrollment_id
from common.ledger.reads.contact_timeline import read_field_notes
from common.observability import metrics
from common.providers.calcom.rows import read_booking
from tests.gateway.conftest import Gateway, OpenGateway, person
from tests.gateway.senders import SECRETS, fixture, post_calcom

CASES = Path(__file__).parents[1] / "fixtures" / "cases"
_CASE = json.loads((CASES / "hostile.json").read_text())
HOSTILE = _CASE["bookings (location, attendee, name, title of a BOOKING_CREATED)"]


@pytest.fixture
async def gateway(open_gateway: OpenGateway, store_url: str) -> Gateway:
    return await open_gateway(store_url, **SECRETS)


def case(name: str) -> Any:
    [path] = CASES.glob(f"{name}*.json")
    return json.loads(path.read_text())


async def unread(gateway: Gateway) -> list[Any]:
    return await gateway.context.intake.ledger.unread_bookings.read_all()


async def test_address_of_a_booking_is_found_in_the_answers_to_the_form(gateway: Gateway) -> None:
    answer = await post_calcom(gateway, case("c18"))

    assert (answer.status, answer.json["email"]) == (202, "harrison@example.com")
    assert await unread(gateway) == []


async def test_an_ended_meeting_without_a_booking_is_ignored_and_counted(gateway: Gateway) -> None:
    counter = metrics.WEBHOOKS.labels("calcom", "ignored")._value
    before = counter.get()
    answer = await post_calcom(gateway, case("c20"))

    assert (answer.status, answer.json["status"]) == (200, "ignored")
    assert before + 1 == counter.get()
    assert await gateway.key_count() == 0


async def test_reschedule_to_an_unknown_booking_is_stored_for_a_person(gateway: Gateway) -> None:
    answer = await post_calcom(gateway, case("c76"))
    await post_calcom(gateway, case("c76"))

    assert (answer.status, answer.json["event"], answer.json["booking_uid"]) == (202, "BOOKING_RESCHEDULED", None)
    [kept] = await unread(gateway)
    assert case("c76") == json.loads(kept.raw)
    assert "does not say to which booking" in kept.reason


async def test_guest_with_a_unicode_domain_has_the_ascii_address_of_the_signup(gateway: Gateway) -> None:
    answer = await post_calcom(gateway, case("c77"))

    signup = await gateway.sign_up(person("ada", email="ada@müller.example"))
    assert (answer.status, answer.json["email"]) == (202, "ada@xn--mller-kva.example")
    assert signup.json["email"] == answer.json["email"], "one contact"


@pytest.mark.parametrize("field", ["iCalSequence", "seatsPerTimeSlot", "eventTypeId"])
async def test_number_of_hundreds_of_digits_costs_no_booking(gateway: Gateway, field: str) -> None:
    payload = fixture("booking_created")
    payload["payload"][field] = 10**400

    assert (await post_calcom(gateway, payload)).status == 202


@pytest.mark.parametrize("given", HOSTILE, ids=lambda given: given["email"])
async def test_a_hostile_booking_is_accepted(gateway: Gateway, given: dict[str, str]) -> None:
    """What becomes of its texts is tested with the reminders."""
    payload = fixture("booking_created")
    guest = {"email": given["email"], "name": given["name"], "timeZone": "America/Toronto"}
    payload["payload"] |= {"location": given["location"], "title": given["title"], "metadata": {}, "attendees": [guest]}

    assert (await post_calcom(gateway, payload)).status == 202


async def test_unusable_time_zone_of_a_booking_is_noted_and_counted_once(gateway: Gateway) -> None:
    payload = fixture("booking_created")
    payload["payload"]["attendees"][0]["timeZone"] = "Etc/Unknown"
    counter = metrics.FIELDS_DROPPED.labels("timezone")._value
    before = counter.get()
    for _ in range(2):
        assert (await post_calcom(gateway, payload)).status == 202

    guest = enrollment_id("christmas_2025", "guest@example.com")
    noted = [note async for note in read_field_notes(gateway.context.intake.ledger, guest)]
    assert [note.field for note in noted] == ["timezone"]
    assert before + 1 == counter.get()


UNREADABLE = [
    ("location", {"location": {"floor": 3}}),
    ("location", {"location": "javascript://evil.example/%0aalert(1)"}),
    ("location", {"metadata": {"videoCallUrl": 7}}),
    ("location", {"videoCallData": {"url": "ftp://cal.example/room"}}),
    ("organizer", {"organizer": {"name": ["Sarah"], "email": "host@example.com"}}),
    ("organizer_email", {"organizer": {"name": "Sarah", "email": "host at example"}}),
    ("end_time", {"endTime": "noon"}),
    ("ical_uid", {"iCalUID": "with blanks in it"}),
    ("sequence", {"iCalSequence": -1}),
    ("seats", {"seatsPerTimeSlot": "many"}),
    ("event_type", {"eventTypeId": [123]}),
]


@pytest.mark.parametrize(("field", "sent"), UNREADABLE)
async def test_unreadable_field_of_a_booking_is_noted_and_counted(
    gateway: Gateway, field: str, sent: dict[str, Any]
) -> None:
    payload = fixture("booking_created")
    payload["payload"] |= sent

    assert await dropped(gateway, payload, field) == ([field], 1)


@pytest.mark.parametrize("language", ["klingon!", {"locale": 7}, ["en"], {"locale": "C"}])
async def test_unreadable_language_of_a_guest_is_noted_and_counted(gateway: Gateway, language: Any) -> None:
    payload = fixture("booking_created")
    payload["payload"]["attendees"][0]["language"] = language

    assert await dropped(gateway, payload, "locale") == (["locale"], 1)


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("email", {"email": "bob at example"}),
        ("first_name", {"name": ["Bob"], "firstName": None}),
        ("timezone", {"timeZone": "Etc/Unknown"}),
        ("locale", {"language": {"locale": "C"}}),
    ],
)
async def test_unreadable_field_of_another_seat_is_noted_and_counted(
    gateway: Gateway, field: str, changes: dict[str, Any]
) -> None:
    payload = fixture("booking_created")
    payload["payload"]["seatsPerTimeSlot"] = 4
    payload["payload"]["attendees"][1] |= changes

    assert await dropped(gateway, payload, field) == ([field], 1)


@pytest.mark.parametrize("sent", ["perhaps", 2, [True], {"value": True}])
async def test_unreadable_no_show_mark_is_noted_and_counted(gateway: Gateway, sent: Any) -> None:
    payload = fixture("no_show_updated")
    payload["payload"]["attendees"][0]["noShow"] = sent

    assert await dropped(gateway, payload, "no_show") == (["no_show"], 1)


@pytest.mark.parametrize("attendees", [["bob"], "bob"])
async def test_unreadable_attendee_is_noted_and_counted(gateway: Gateway, attendees: Any) -> None:
    payload = fixture("booking_created")
    known = payload["payload"]["attendees"]
    payload["payload"]["attendees"] = [*known, *attendees] if isinstance(attendees, list) else attendees
    payload["payload"]["responses"] = {"email": {"value": "guest@example.com"}}

    assert await dropped(gateway, payload, "attendees") == (["attendees"], 1)


@pytest.mark.parametrize(
    "sent",
    [
        {"location": "integrations:daily"},
        {"location": "1 Main Street, Halifax"},
        {"location": "+14165550100"},
        {"organizer": None, "metadata": {}, "videoCallData": None},
        {"location": "", "eventTypeId": None, "seatsPerTimeSlot": 0},
    ],
)
async def test_readable_or_absent_location_of_a_booking_is_not_noted(gateway: Gateway, sent: dict[str, Any]) -> None:
    payload = fixture("booking_created")
    payload["payload"] |= sent

    assert await dropped(gateway, payload, "location") == ([], 0)


async def dropped(gateway: Gateway, payload: dict[str, Any], field: str) -> tuple[list[str], float]:
    """Post a booking. Return the fields that the timeline notes, and by how much the counter of `field` rose."""
    counter = metrics.FIELDS_DROPPED.labels(field)._value
    before = counter.get()
    assert (await post_calcom(gateway, payload)).status == 202
    guest = enrollment_id("christmas_2025", "guest@example.com")
    noted = [note.field async for note in read_field_notes(gateway.context.intake.ledger, guest)]
    return noted, counter.get() - before


async def test_advertisement_in_a_title_is_removed_and_the_booking_accepted(gateway: Gateway) -> None:
    body = case("c78")
    body["payload"]["attendees"][0]["name"] = "www.evil.example Winner"

    assert (await post_calcom(gateway, body)).status == 202

    guest = enrollment_id("christmas_2025", "ada@example.com")
    noted = [note async for note in read_field_notes(gateway.context.intake.ledger, guest)]
    assert [(note.field, note.kept) for note in noted] == [("title", None), ("first_name", None)]


def test_each_seat_of_a_listed_booking_has_its_own_address_and_zone() -> None:
    listed = read_booking(case("n95"))

    assert listed is not None
    assert [(seat.email, seat.timezone) for seat in listed.seats] == [
        ("ada@example.com", "America/Toronto"),
        ("bob@example.com", "Europe/Paris"),
    ]


def test_a_listed_seat_without_an_address_is_marked() -> None:
    row = case("n95")
    whole = read_booking(row)
    row["attendees"][1] |= {"email": "bob at example", "displayEmail": None, "bookingFieldsResponses": {}}
    listed = read_booking(row)

    assert whole is not None
    assert whole.some_seats_unread is False
    assert listed is not None
    assert ([seat.email for seat in listed.seats], listed.some_seats_unread) == (["ada@example.com"], True)


def test_listed_booking_is_normalized_like_one_from_a_webhook() -> None:
    row = case("n95")
    row["attendees"] = [
        {"name": "A\u200bda  L", "email": "\u200bada@M\u00fcller.example", "timeZone": "eastern standard time"}
    ]
    listed = read_booking(row)

    assert listed is not None
    assert (
        listed.email, listed.first_name, listed.timezone,
    ) == ("ada@xn--mller-kva.example", "Ada", "America/New_York")  # fmt: skip
