"""Every event of Cal.com, in each of its shapes, is recorded once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import redis.asyncio

from common.clock import VirtualClock, utc_datetime
from common.domain.booking import BookingKind
from common.domain.ids import booking_id
from common.ledger import keys
from common.store.embedded import EmbeddedStore
from services.gateway.events import IgnoredEvent
from services.gateway.openapi_models import BookingAccepted
from services.web.problem import Problem
from tests.gateway.conftest import Gateway, OpenGateway
from tests.gateway.senders import SECRETS, fixture, post_calcom
from tests.reported_calls import parse_event

MINUTE_MS = 60_000
CASES = Path(__file__).parent.parent / "fixtures" / "cases"


@pytest.fixture
async def gateway(open_gateway: OpenGateway, store_url: str) -> Gateway:
    return await open_gateway(store_url, **SECRETS)


def booked(**changes: Any) -> dict[str, Any]:
    payload = fixture("booking_created")
    payload["payload"] |= changes
    return {**payload, "payload": {name: value for name, value in payload["payload"].items() if value is not ...}}


def event(payload: dict[str, Any], *, types: tuple[str, ...] = ()) -> Any:
    return parse_event(payload, received_ms=1, types=types)


async def recorded(gateway: Gateway, uid: str) -> list[Any]:
    gathered = await gateway.context.intake.ledger.bookings.gather(booking_id(uid))
    return sorted(gathered.events, key=lambda one: one.event_ms)


async def test_a_booking_is_accepted_and_recorded(gateway: Gateway, clock: VirtualClock) -> None:
    answer = await post_calcom(gateway, fixture("booking_created"))

    assert answer.status == 202
    assert answer.json == {
        "status": "accepted",
        "event": "BOOKING_CREATED",
        "booking_uid": "uidAAA",
        "email": "guest@example.com",
        "meeting_time": "2026-12-03T18:00:00.000Z",
        "timestamp": utc_datetime(clock.now_ms()).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    [parsed] = await recorded(gateway, "uidAAA")
    assert (parsed.kind, parsed.sequence, parsed.ical_uid, parsed.event_type) == (
        BookingKind.CREATED, 0, "uidAAA@Cal.com", "123",
    )  # fmt: skip
    assert (parsed.first_name, parsed.timezone, parsed.organizer) == ("Guest", "America/Vancouver", "Sarah Host")
    assert parsed.join_url == "https://app.cal.com/video/uidAAA"
    assert parsed.end_ms - parsed.start_ms == 30 * MINUTE_MS


@pytest.mark.parametrize(
    ("name", "uid", "email", "meeting"),
    [
        ("booking_rescheduled", "uidBBB", "guest@example.com", "2026-12-04T19:00:00.000Z"),
        ("booking_cancelled", "uidBBB", "guest@example.com", "2026-12-04T19:00:00.000Z"),
        ("meeting_ended_flat", "uidBBB", "guest@example.com", "2026-12-04T19:00:00.000Z"),
        ("no_show_updated", "uidBBB", "guest@example.com", None),
    ],
)
async def test_a_recorded_event_is_answered_with_its_booking(
    gateway: Gateway, name: str, uid: str, email: str, meeting: str
) -> None:
    answer = await post_calcom(gateway, fixture(name))

    assert answer.status == 202
    assert answer.json["event"] == fixture(name)["triggerEvent"]
    assert (answer.json["booking_uid"], answer.json["email"], answer.json["meeting_time"]) == (uid, email, meeting)


def test_the_events_of_one_call_belong_together() -> None:
    created, moved, cancelled, ended, absent = (
        event(fixture(name))
        for name in (
            "booking_created",
            "booking_rescheduled",
            "booking_cancelled",
            "meeting_ended_flat",
            "no_show_updated",
        )
    )
    assert (moved.reschedule_uid, created.reschedule_uid) == ("uidAAA", None)
    assert {one.ical_uid for one in (created, moved, cancelled, ended)} == {"uidAAA@Cal.com"}
    assert absent.no_shows == (("guest@example.com", True),)
    # The `createdAt` of the flat shape belongs to the booking: the event has no timestamp of its own.
    assert (ended.event_ms, utc_datetime(cancelled.event_ms).day) == (1, 27)


async def test_a_ping_and_unknown_events_are_ignored(gateway: Gateway) -> None:
    ping = await post_calcom(gateway, fixture("ping"))
    others = ["RECORDING_READY", "MEETING_STARTED", "BOOKING_PAID", "FORM_SUBMITTED", "OOO_CREATED", "anything else"]
    answers = [await post_calcom(gateway, {"triggerEvent": name, "createdAt": "x", "payload": {}}) for name in others]

    assert (ping.status, ping.json["status"], ping.json["event"]) == (200, "ignored", "PING")
    assert [(one.status, one.json["status"], one.json["event"]) for one in answers] == [
        (200, "ignored", name) for name in others
    ]
    assert all(one.json["message"] for one in [ping, *answers])
    assert await gateway.key_count() == 0


@pytest.mark.parametrize(
    "trigger", ["BOOKING_CREATED", "BOOKING_CANCELLED", "MEETING_ENDED", "BOOKING_NO_SHOW_UPDATED"]
)
async def test_ping_of_the_test_button_of_cal_com_stores_nothing(gateway: Gateway, trigger: str) -> None:
    answer = await post_calcom(gateway, fixture("ping") | {"triggerEvent": trigger})

    assert (answer.status, answer.json["event"]) == (200, trigger)
    assert await gateway.key_count() == 0


async def test_a_repeated_event_gets_the_same_bytes_and_has_no_effect(gateway: Gateway, clock: VirtualClock) -> None:
    first = await post_calcom(gateway, fixture("booking_created"))
    clock.advance(90_000)
    again = await post_calcom(gateway, booked(startTime="2026-12-03T20:00:00Z"))

    assert (again.status, again.body) == (202, first.body)
    assert len(await recorded(gateway, "uidAAA")) == 1


@pytest.mark.parametrize("seats", [5, "5"])
async def test_two_seats_booked_at_the_same_timestamp_are_two_events(gateway: Gateway, seats: object) -> None:
    for email in ("ada@example.com", "bob@example.com"):
        seat = booked(seatsPerTimeSlot=seats, attendees=[{"email": email, "name": "Guest"}])
        assert (await post_calcom(gateway, seat)).json["email"] == email

    found = {(one.email, one.is_seated) for one in await recorded(gateway, "uidAAA")}
    assert found == {("ada@example.com", True), ("bob@example.com", True)}


async def test_a_start_among_spaces_and_invisible_characters_is_read(gateway: Gateway) -> None:
    answer = await post_calcom(gateway, booked(startTime=" \u200b2026-12-03T20:00:00Z\ufeff "))

    assert (answer.status, answer.json["meeting_time"]) == (202, "2026-12-03T20:00:00.000Z")


@pytest.mark.parametrize("trigger", ["BOOKING_RESCHEDULED", "BOOKING_REQUESTED", "BOOKING_CREATED"])
async def test_reschedule_without_a_new_uid_is_recorded_under_the_old_booking(gateway: Gateway, trigger: str) -> None:
    moved = json.loads((CASES / "c76_rescheduled_uid_null.json").read_text()) | {"triggerEvent": trigger}
    answer = await post_calcom(gateway, moved)

    assert (answer.status, answer.json["event"]) == (202, trigger)
    assert (await post_calcom(gateway, moved)).body == answer.body
    assert (answer.json["booking_uid"], answer.json["meeting_time"]) == (None, "2026-12-03T18:00:00.000Z")
    BookingAccepted.model_validate(answer.json)
    assert [one.kind for one in await recorded(gateway, "seatold")] == [BookingKind.LOST_MOVE]


@pytest.mark.parametrize(
    ("sent", "marks"),
    [
        *((absent, [True]) for absent in (True, "true", "True ", 1, "1")),
        *((present, [False]) for present in (False, "false", 0, "0")),
        *((unknown, []) for unknown in (..., None, "", "perhaps", 2, [True])),
    ],
)
def test_no_show_mark_that_is_missing_or_unreadable_takes_no_mark_back(sent: Any, marks: list[bool]) -> None:
    attendee = {"email": "guest@example.com"} | ({} if sent is ... else {"noShow": sent})
    payload = {"bookingUid": "uidBBB", "attendees": [attendee]}
    parsed = event({"triggerEvent": "BOOKING_NO_SHOW_UPDATED", "createdAt": "2026-12-04T20:00:00Z", "payload": payload})

    assert [is_absent for _, is_absent in parsed.no_shows] == marks


async def test_a_no_show_and_its_withdrawal_with_one_timestamp_are_two_events(gateway: Gateway) -> None:
    payload = fixture("no_show_updated")
    back = json.loads(json.dumps(payload).replace("true", "false"))
    for one in (payload, back, payload):
        await post_calcom(gateway, one)

    assert [one.no_shows[0][1] for one in await recorded(gateway, "uidBBB")] in ([True, False], [False, True])


SHAPES = {
    "enveloped": lambda payload: payload,
    "a booking within": lambda payload: {**payload, "payload": {"booking": payload["payload"]}},
    "an evt within": lambda payload: {**payload, "payload": {"bookingId": 1, "uid": None, "evt": payload["payload"]}},
    "flat": lambda payload: {"triggerEvent": payload["triggerEvent"], **payload["payload"]},
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_every_shape_yields_the_same_event(shape: Any) -> None:
    parsed, plain = event(shape(fixture("booking_created"))), event(fixture("booking_created"))

    assert (parsed.uid, parsed.email, parsed.start_ms, parsed.join_url) == (
        plain.uid, plain.email, plain.start_ms, plain.join_url,
    )  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        *("2026-12-03T18:00:00Z", "2026-12-03T18:00:00.000Z", "2026-12-03T18:00:00+00:00", "2026-12-03T13:00:00-05:00"),
        *("2026-12-03T18:00:00.000000+00:00", "2026-12-03T18:00:00", "2026-12-03 18:00:00Z"),
    ],
)
def test_every_notation_of_a_timestamp_is_parsed(text: str) -> None:
    assert event(booked(startTime=text)).start_ms == 1_796_320_800_000


@pytest.mark.parametrize(
    "start",
    [None, ..., "", "tomorrow", "2026-12-03", 1_796_320_800_000, "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", []],
)
@pytest.mark.parametrize("trigger", ["BOOKING_CREATED", "BOOKING_RESCHEDULED", "BOOKING_REQUESTED"])
async def test_a_booking_without_a_start_is_refused(gateway: Gateway, trigger: str, start: Any) -> None:
    answer = await post_calcom(gateway, booked(startTime=start) | {"triggerEvent": trigger})

    assert (answer.status, answer.fields) == (422, ["payload.startTime"])
    [kept] = await gateway.context.intake.ledger.unread_bookings.read_all()
    assert kept.reason == "payload.startTime must be a timestamp such as 2026-12-03T18:00:00Z"
    assert await recorded(gateway, "uidAAA") == []


NO_ADDRESS: dict[str, Any] = {"attendees": [], "responses": {}}


@pytest.mark.parametrize(
    "no_address",
    [
        NO_ADDRESS,
        {"attendees": ..., "responses": ...},
        {"attendees": None, "responses": None},
        {"attendees": "guest@example.com", "responses": []},
        {"attendees": [{"email": "no address"}], "responses": {"email": {"label": "email"}}},
        {"attendees": [{"email": "a@b.co\r\nBcc: c@d.org"}], "responses": {"email": {"value": ["a@b.co"]}}},
    ],
)
async def test_a_booking_without_an_address_is_refused(gateway: Gateway, no_address: dict[str, Any]) -> None:
    answer = await post_calcom(gateway, booked(**no_address))

    assert (answer.status, answer.fields) == (422, ["payload.attendees[0].email"])


@pytest.mark.parametrize(
    "guest",
    [
        {"attendees": [{"email": " Guest@Example.COM "}, {"email": "second@example.com"}]},
        {"attendees": [{"name": "Guest"}]},
        {"attendees": [{"name": "Guest", "bookingFieldsResponses": {"email": "guest@example.com"}}]},
        {"attendees": []},
        {"attendees": ..., "responses": {"email": "Guest@example.com"}},
        {"attendees": [{"name": "Guest"}], "responses": ..., "bookingFieldsResponses": {"email": "guest@example.com"}},
        {"attendees": [{"email": "guest+seat@example.com", "displayEmail": "guest@example.com"}]},
        {"attendees": [{"email": "\u200bguest@example.com\ufeff"}]},
    ],
)
def test_address_of_a_booking_is_the_first_attendees_or_the_one_in_the_form(guest: dict[str, Any]) -> None:
    assert event(booked(**guest)).email == "guest@example.com"


async def test_unreadable_cal_com_body_is_stored_once_for_a_person(gateway: Gateway, clock: VirtualClock) -> None:
    for body in (b"not JSON", b"not JSON", b"[]", b"{}"):
        clock.advance(1_000)
        assert (await post_calcom(gateway, body)).status in (400, 422)

    kept = await gateway.context.intake.ledger.unread_bookings.read_all()
    assert [event.raw for event in kept] == ["not JSON", "[]", "{}"]
    assert all(event.reason for event in kept)


async def test_unsigned_cal_com_body_is_not_stored(gateway: Gateway) -> None:
    answer = await post_calcom(gateway, b"not JSON", **{"X-Cal-Signature-256": "0" * 64})

    assert answer.status == 401
    assert await gateway.context.intake.ledger.unread_bookings.read_all() == []


async def test_unreadable_event_during_a_store_outage_is_stored_for_a_person(
    open_gateway: OpenGateway, own_store: EmbeddedStore
) -> None:
    gateway = await open_gateway(own_store.url, **SECRETS)
    own_store.stop()
    assert (await post_calcom(gateway, booked(startTime=None))).status == 422

    own_store.start()
    await gateway.wait_until_replayed()
    assert len(await gateway.context.intake.ledger.unread_bookings.read_all()) == 1


@pytest.mark.parametrize("name", ["booking_created", "booking_cancelled", "no_show_updated"])
async def test_an_event_without_a_uid_is_refused(gateway: Gateway, name: str) -> None:
    payload = fixture(name)
    for uid in ("uid", "bookingUid"):
        payload["payload"].pop(uid, None)

    assert (await post_calcom(gateway, payload)).fields == ["payload.uid"]


@pytest.mark.parametrize("uid", ["", " ", "a b", "x" * 256, "a\x00b", "\ud800", 7.5, True, ["uidAAA"], {}])
def test_an_invalid_uid_is_refused(uid: Any) -> None:
    with pytest.raises(Problem) as refused:
        event(booked(uid=uid))
    assert [error.field for error in refused.value.errors] == ["payload.uid"]


def test_a_cancellation_needs_only_the_uid() -> None:
    parsed = event({"triggerEvent": "BOOKING_CANCELLED", "payload": {"uid": "uidBBB"}})

    assert (parsed.kind, parsed.uid, parsed.email, parsed.start_ms) == (BookingKind.CANCELLED, "uidBBB", None, None)


@pytest.mark.parametrize("trigger", [None, "", 7, ["BOOKING_CREATED"], "\x00"])
async def test_a_trigger_is_required(gateway: Gateway, trigger: Any) -> None:
    assert (await post_calcom(gateway, booked() | {"triggerEvent": trigger})).fields == ["triggerEvent"]


@pytest.mark.parametrize(
    ("zone", "known"), [("America/Toronto", True), ("Mars/Olympus", False), ("", False), (7, False), ("null", False)]
)
def test_an_unknown_time_zone_is_dropped(zone: Any, known: bool) -> None:
    parsed = event(booked(attendees=[{"email": "guest@example.com", "timeZone": zone}]))

    assert parsed.timezone == (zone if known else None)


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ({"metadata": {"videoCallUrl": "https://a.example/1"}}, "https://a.example/1"),
        ({"metadata": {}, "videoCallData": {"url": "https://b.example/2"}}, "https://b.example/2"),
        ({"metadata": None, "videoCallData": None, "location": "https://c.example/3"}, "https://c.example/3"),
        ({"metadata": {}, "videoCallData": {}, "location": "integrations:daily"}, None),
        ({"metadata": {}, "videoCallData": {}, "location": "1 Main Street"}, None),
        ({"metadata": {"videoCallUrl": "javascript:alert(1)"}, "videoCallData": {}, "location": "ftp://a"}, None),
        ({"metadata": {"videoCallUrl": 'https://a.example/"><script>'}, "videoCallData": {}, "location": 5}, None),
        ({"metadata": {"videoCallUrl": "https://[a"}, "videoCallData": [], "location": "https://"}, None),
        (
            {"metadata": {}, "videoCallData": {}, "location": {"type": "link", "link": "https://d.example/4"}},
            "https://d.example/4",
        ),
        (
            {"metadata": {}, "videoCallData": {}, "location": {"value": "link", "optionValue": "https://e.example/5"}},
            "https://e.example/5",
        ),
        ({"metadata": {}, "videoCallData": {}, "location": {"type": "link", "link": "javascript:alert(1)"}}, None),
        ({"metadata": {}, "videoCallData": {}, "location": [["https://f.example"]]}, None),
        ({"metadata": {}, "videoCallData": {}, "location": None}, None),
    ],
)
def test_the_join_url_is_the_first_valid_url(location: dict[str, Any], url: str | None) -> None:
    assert event(booked(**location)).join_url == url


NUMBER = "+1 (416) 555-0100"


def chosen(value: Any, **more: Any) -> dict[str, Any]:
    """Return the answer to the form's question how the call takes place."""
    return {"responses": {"location": {"label": "location", "value": value}, **more}}


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ({}, None),
        ({"location": "phone"}, "host_calls"),
        ({"location": NUMBER} | chosen({"value": "phone", "optionValue": NUMBER}), "host_calls"),
        ({"location": NUMBER} | chosen(None, attendeePhoneNumber={"value": "+14165550100"}), "host_calls"),
        ({"location": NUMBER}, None),
        ({"location": NUMBER} | chosen({"value": "userPhone", "optionValue": ""}), "guest_calls"),
        ({"location": "1 Main Street"} | chosen({"value": "inPerson", "optionValue": ""}), "in_person"),
        ({"location": "1 Main Street"} | chosen({"value": "attendeeInPerson", "optionValue": "1 Main"}), "in_person"),
        ({"location": "1 Main Street"}, None),
        ({"location": {"type": "attendeePhone", "phone": NUMBER}}, "host_calls"),
        ({"location": {"type": "organizerPhone"}}, "guest_calls"),
        ({"location": {"type": "attendeeAddress", "address": "1 Main Street"}}, "in_person"),
        ({"location": {"value": {"value": {"value": {"value": "phone"}}}}}, None),
        ({"location": "integrations:zoom"} | chosen({"value": "integrations:zoom", "optionValue": ""}), None),
        ({"location": {"type": ["phone"], "value": 5, "optionValue": None}}, None),
        ({"location": "<b>phone</b>"} | chosen("somewhereElse"), None),
        ({"location": ["phone"]} | chosen(["phone"]), None),
        ({"location": None} | chosen(None), None),
    ],
)
def test_how_a_call_takes_place_is_read_from_every_form_of_a_location(said: dict[str, Any], place: str | None) -> None:
    plain = {"metadata": {}, "videoCallData": {}}

    assert place == event(booked(**plain | said)).place
    assert event(booked(**plain | said)).join_url is None


def test_changed_location_of_a_call_overrides_the_answer_in_the_form() -> None:
    moved = booked(metadata={}, videoCallData={}, location="inPerson", **chosen({"value": "phone", "optionValue": ""}))

    assert event(moved | {"triggerEvent": "BOOKING_LOCATION_UPDATED"}).place == "in_person"


RESCHEDULE, CANCEL = "https://app.example.com/reschedule/uidAAA", "https://app.example.com/booking/uidAAA?cancel=true"


@pytest.mark.parametrize(
    ("said", "urls"),
    [
        ({}, (RESCHEDULE, CANCEL)),
        ({"bookerUrl": "https://app.example.com/"}, (RESCHEDULE, CANCEL)),
        ({"disableRescheduling": True}, (None, CANCEL)),
        ({"disableCancelling": True}, (RESCHEDULE, None)),
        ({"disableRescheduling": True, "disableCancelling": True}, (None, None)),
        ({"bookerUrl": ...}, (None, None)),
        ({"bookerUrl": "javascript:alert(1)"}, (None, None)),
        ({"seatsPerTimeSlot": 4}, (None, None)),
    ],
)
def test_booking_has_the_urls_to_reschedule_and_cancel_it(
    said: dict[str, Any], urls: tuple[str | None, str | None]
) -> None:
    found = event(booked(**said))

    assert urls == (found.reschedule_url, found.cancel_url)


def test_booking_uid_is_escaped_in_its_links() -> None:
    assert event(booked(uid="a/../b?x=1")).reschedule_url == "https://app.example.com/reschedule/a%2F..%2Fb%3Fx%3D1"


def test_texts_are_cleaned_and_cut() -> None:
    parsed = event(
        booked(title="A\x00 b\n\x1bc \ud800" + "x" * 500, attendees=[{"email": "a@b.co", "name": "\x07Ada  L"}])
    )

    assert (parsed.title[:6], len(parsed.title), parsed.first_name) == ("A b c ", 200, "Ada")
    json.loads(parsed.to_json().encode())


@pytest.mark.parametrize(
    ("types", "counts"),
    [
        ((), True),
        (("123",), True),
        (("strategy-call",), True),
        (("other", "124"), False),
        (("other", "strategy-call"), True),
    ],
)
async def test_event_types_can_be_restricted(
    open_gateway: OpenGateway, store_url: str, types: tuple[str, ...], counts: bool
) -> None:
    gateway = await open_gateway(store_url, calcom_event_types=", ".join(types), **SECRETS)
    answer = await post_calcom(gateway, fixture("booking_created"))

    assert (answer.status, answer.json["status"]) == ((202, "accepted") if counts else (200, "ignored"))
    # This event does not name its type: it concerns a booking that counted before, or an unknown one.
    assert (await post_calcom(gateway, fixture("no_show_updated"))).status == 202


@pytest.mark.parametrize(
    ("types", "changes", "processed"),
    [
        (("123", "coffee"), {}, "in full"),
        (("strategy-call",), {}, "without its guest"),
        (("124", "strategy-call"), {}, "without its guest"),
        (("124",), {}, "not at all"),
        (("123",), {"eventTypeId": None, "type": "strategy-call"}, "without its guest"),
        (("coffee",), {"eventTypeId": None, "type": "strategy-call"}, "not at all"),
        (("124", "coffee"), {"type": "strategy-call"}, "not at all"),
    ],
)
def test_end_of_a_meeting_whose_type_cannot_be_compared_is_processed_without_its_guest(
    types: tuple[str, ...], changes: dict[str, Any], processed: str
) -> None:
    parsed = event(fixture("meeting_ended_flat") | changes, types=types)

    found = "not at all" if isinstance(parsed, IgnoredEvent) else "in full" if parsed.email else "without its guest"
    assert found == processed


def test_booking_whose_type_cannot_be_compared_is_ignored() -> None:
    assert isinstance(event(booked(type=None), types=("strategy-call",)), IgnoredEvent)


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain", "nonsense", ""])
async def test_the_content_type_of_cal_com_is_not_checked(gateway: Gateway, kind: str) -> None:
    assert (await post_calcom(gateway, fixture("booking_created"), **{"Content-Type": kind})).status == 202


async def test_booking_during_a_store_outage_gets_the_same_answer_when_repeated(
    open_gateway: OpenGateway, own_store: EmbeddedStore, clock: VirtualClock
) -> None:
    gateway = await open_gateway(own_store.url, **SECRETS)
    before = await post_calcom(gateway, fixture("no_show_updated"))
    own_store.stop()

    first = await post_calcom(gateway, fixture("booking_created"))
    moved = await post_calcom(gateway, fixture("booking_rescheduled"))
    clock.advance(60_000)
    assert (first.status, moved.status) == (202, 202)
    assert (await post_calcom(gateway, fixture("booking_created"))).body == first.body
    assert (await post_calcom(gateway, fixture("no_show_updated"))).body == before.body
    assert gateway.context.intake.spool.events == 2

    own_store.start()
    await gateway.wait_until_replayed()
    assert (await post_calcom(gateway, fixture("booking_created"))).body == first.body
    assert [one.kind for one in await recorded(gateway, "uidBBB")] == [
        BookingKind.CREATED, BookingKind.RESCHEDULED, BookingKind.NO_SHOW,
    ]  # fmt: skip
    assert await gateway.store.zcard(keys.delayed("bookings")) == 3


async def test_a_booking_event_schedules_its_job(
    gateway: Gateway, store: redis.asyncio.Redis, clock: VirtualClock
) -> None:
    await post_calcom(gateway, fixture("booking_created"))

    assert await store.zrange(keys.delayed("bookings"), 0, -1, withscores=True) != []
    assert await store.zscore(keys.BOOKINGS, booking_id("uidAAA")) == clock.now_ms()
