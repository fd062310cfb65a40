"""A booked call reaches the ledger as Cal.com tells it: every shape, every trap, once."""

from __future__ import annotations

import json
from typing import Any

import pytest
import redis.asyncio

from common.clock import VirtualClock, utc_datetime
from common.domain.booking import BookingKind
from common.domain.ids import booking_id
from common.ledger import keys
from common.ledger.bookings import Bookings
from common.store.embedded import EmbeddedStore
from services.gateway.webhooks.calcom_payload import parse_event
from services.web.problem import Problem
from tests.gateway.conftest import Opener, Site
from tests.gateway.senders import SECRETS, calcom_posts, fixture

MINUTE_MS = 60_000


@pytest.fixture
async def site(opens: Opener, store_url: str) -> Site:
    return await opens(store_url, **SECRETS)


def booked(**changes: Any) -> dict[str, Any]:
    told = fixture("booking_created")
    told["payload"] |= changes
    return {**told, "payload": {name: value for name, value in told["payload"].items() if value is not ...}}


def event(told: dict[str, Any], *, types: tuple[str, ...] = ()) -> Any:
    return parse_event(told, received_ms=1, types=types)


async def kept(site: Site, uid: str) -> list[Any]:
    gathered = await Bookings(site.context.intake.ledger).gather(booking_id(uid))
    return sorted(gathered.events, key=lambda one: one.event_ms)


async def test_a_booking_is_accepted_and_kept(site: Site, clock: VirtualClock) -> None:
    answer = await calcom_posts(site, fixture("booking_created"))

    assert answer.status == 202
    assert answer.json == {
        "status": "accepted",
        "event": "BOOKING_CREATED",
        "booking_uid": "uidAAA",
        "email": "guest@example.com",
        "meeting_time": "2026-12-03T18:00:00.000Z",
        "timestamp": utc_datetime(clock.now_ms()).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    [told] = await kept(site, "uidAAA")
    assert (told.kind, told.sequence, told.ical_uid, told.event_type) == (
        BookingKind.CREATED, 0, "uidAAA@Cal.com", "123",
    )  # fmt: skip
    assert (told.first_name, told.timezone, told.organizer) == ("Guest", "America/Vancouver", "Sarah Host")
    assert told.join_url == "https://app.cal.com/video/uidAAA"
    assert told.end_ms - told.start_ms == 30 * MINUTE_MS


@pytest.mark.parametrize(
    ("name", "uid", "email", "meeting"),
    [
        ("booking_rescheduled", "uidBBB", "guest@example.com", "2026-12-04T19:00:00.000Z"),
        ("booking_cancelled", "uidBBB", "guest@example.com", "2026-12-04T19:00:00.000Z"),
        ("meeting_ended_flat", "uidBBB", "guest@example.com", "2026-12-04T19:00:00.000Z"),
        ("no_show_updated", "uidBBB", "guest@example.com", None),
    ],
)
async def test_every_event_that_acts_says_what_it_knows(
    site: Site, name: str, uid: str, email: str, meeting: str
) -> None:
    answer = await calcom_posts(site, fixture(name))

    assert answer.status == 202
    assert answer.json["event"] == fixture(name)["triggerEvent"]
    assert (answer.json["booking_uid"], answer.json["email"], answer.json["meeting_time"]) == (uid, email, meeting)


def test_the_events_of_one_call_are_one_series() -> None:
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
    # The flat shape's `createdAt` is the booking's: the event has no instant of its own.
    assert (ended.event_ms, utc_datetime(cancelled.event_ms).day) == (1, 27)


async def test_a_ping_and_other_events_change_nothing(site: Site) -> None:
    ping = await calcom_posts(site, fixture("ping"))
    others = ["RECORDING_READY", "MEETING_STARTED", "BOOKING_PAID", "FORM_SUBMITTED", "OOO_CREATED", "anything else"]
    answers = [await calcom_posts(site, {"triggerEvent": name, "createdAt": "x", "payload": {}}) for name in others]

    assert (ping.status, ping.json["status"], ping.json["event"]) == (200, "ignored", "PING")
    assert [(one.status, one.json["status"], one.json["event"]) for one in answers] == [
        (200, "ignored", name) for name in others
    ]
    assert all(one.json["message"] for one in [ping, *answers])
    assert await site.keys() == 0


@pytest.mark.parametrize(
    "trigger", ["BOOKING_CREATED", "BOOKING_CANCELLED", "MEETING_ENDED", "BOOKING_NO_SHOW_UPDATED"]
)
async def test_the_test_button_creates_nothing_whatever_it_is_pressed_for(site: Site, trigger: str) -> None:
    answer = await calcom_posts(site, fixture("ping") | {"triggerEvent": trigger})

    assert (answer.status, answer.json["event"]) == (200, trigger)
    assert await site.keys() == 0


async def test_a_repetition_gets_the_same_bytes_and_does_nothing(site: Site, clock: VirtualClock) -> None:
    first = await calcom_posts(site, fixture("booking_created"))
    clock.advance(90_000)
    again = await calcom_posts(site, booked(startTime="2026-12-03T20:00:00Z"))

    assert (again.status, again.body) == (202, first.body)
    assert len(await kept(site, "uidAAA")) == 1


async def test_a_no_show_that_is_taken_back_within_the_same_instant_is_two_events(site: Site) -> None:
    told = fixture("no_show_updated")
    back = json.loads(json.dumps(told).replace("true", "false"))
    for one in (told, back, told):
        await calcom_posts(site, one)

    assert [mark.no_shows[0][1] for mark in await kept(site, "uidBBB")] in ([True, False], [False, True])


SHAPES = {
    "enveloped": lambda told: told,
    "a booking within": lambda told: {**told, "payload": {"booking": told["payload"]}},
    "an evt within": lambda told: {**told, "payload": {"bookingId": 1, "uid": None, "evt": told["payload"]}},
    "flat": lambda told: {"triggerEvent": told["triggerEvent"], **told["payload"]},
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_every_shape_says_the_same(shape: Any) -> None:
    told, plain = event(shape(fixture("booking_created"))), event(fixture("booking_created"))

    assert (told.uid, told.email, told.start_ms, told.join_url) == (
        plain.uid, plain.email, plain.start_ms, plain.join_url,
    )  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        *("2026-12-03T18:00:00Z", "2026-12-03T18:00:00.000Z", "2026-12-03T18:00:00+00:00", "2026-12-03T13:00:00-05:00"),
        *("2026-12-03T18:00:00.000000+00:00", "2026-12-03T18:00:00", "2026-12-03 18:00:00Z"),
    ],
)
def test_every_way_to_write_an_instant_is_read(text: str) -> None:
    assert event(booked(startTime=text)).start_ms == 1_796_320_800_000


@pytest.mark.parametrize(
    "start",
    [None, ..., "", "tomorrow", "2026-12-03", 1_796_320_800_000, "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", []],
)
@pytest.mark.parametrize("trigger", ["BOOKING_CREATED", "BOOKING_RESCHEDULED", "BOOKING_REQUESTED"])
async def test_without_a_start_nothing_is_booked(site: Site, trigger: str, start: Any) -> None:
    answer = await calcom_posts(site, booked(startTime=start) | {"triggerEvent": trigger})

    assert (answer.status, answer.fields) == (422, ["payload.startTime"])
    assert await site.keys() == 0


NOBODY: dict[str, Any] = {"attendees": [], "responses": {}}


@pytest.mark.parametrize(
    "nobody",
    [
        NOBODY,
        {"attendees": ..., "responses": ...},
        {"attendees": None, "responses": None},
        {"attendees": "guest@example.com", "responses": []},
        {"attendees": [{"email": "no address"}], "responses": {"email": {"label": "email"}}},
        {"attendees": [{"email": "a@b.co\r\nBcc: c@d.org"}], "responses": {"email": {"value": ["a@b.co"]}}},
    ],
)
async def test_without_an_address_nothing_is_booked(site: Site, nobody: dict[str, Any]) -> None:
    answer = await calcom_posts(site, booked(**nobody))

    assert (answer.status, answer.fields) == (422, ["payload.attendees[0].email"])


@pytest.mark.parametrize(
    "guest",
    [
        {"attendees": [{"email": " Guest@Example.COM "}, {"email": "second@example.com"}]},
        {"attendees": [{"name": "Guest"}]},
        {"attendees": []},
        {"attendees": ..., "responses": {"email": "Guest@example.com"}},
    ],
)
def test_the_address_is_the_first_attendees_else_the_forms(guest: dict[str, Any]) -> None:
    assert event(booked(**guest)).email == "guest@example.com"


@pytest.mark.parametrize("name", ["booking_created", "booking_cancelled", "no_show_updated"])
async def test_without_a_uid_nothing_can_be_found(site: Site, name: str) -> None:
    told = fixture(name)
    for uid in ("uid", "bookingUid"):
        told["payload"].pop(uid, None)

    assert (await calcom_posts(site, told)).fields == ["payload.uid"]


@pytest.mark.parametrize("uid", ["", " ", "a b", "x" * 256, "a\x00b", "\ud800", 7.5, True, ["uidAAA"], {}])
def test_a_uid_that_is_none_is_refused(uid: Any) -> None:
    with pytest.raises(Problem) as refused:
        event(booked(uid=uid))
    assert [error.field for error in refused.value.errors] == ["payload.uid"]


def test_others_need_only_the_uid() -> None:
    told = event({"triggerEvent": "BOOKING_CANCELLED", "payload": {"uid": "uidBBB"}})

    assert (told.kind, told.uid, told.email, told.start_ms) == (BookingKind.CANCELLED, "uidBBB", None, None)


@pytest.mark.parametrize("trigger", [None, "", 7, ["BOOKING_CREATED"], "\x00"])
async def test_a_trigger_is_required(site: Site, trigger: Any) -> None:
    assert (await calcom_posts(site, booked() | {"triggerEvent": trigger})).fields == ["triggerEvent"]


@pytest.mark.parametrize(
    ("zone", "known"), [("America/Toronto", True), ("Mars/Olympus", False), ("", False), (7, False)]
)
def test_a_zone_that_nobody_knows_is_none(zone: Any, known: bool) -> None:
    told = event(booked(attendees=[{"email": "guest@example.com", "timeZone": zone}]))

    assert told.timezone == (zone if known else None)


@pytest.mark.parametrize(
    ("where", "url"),
    [
        ({"metadata": {"videoCallUrl": "https://a.example/1"}}, "https://a.example/1"),
        ({"metadata": {}, "videoCallData": {"url": "https://b.example/2"}}, "https://b.example/2"),
        ({"metadata": None, "videoCallData": None, "location": "https://c.example/3"}, "https://c.example/3"),
        ({"metadata": {}, "videoCallData": {}, "location": "integrations:daily"}, None),
        ({"metadata": {}, "videoCallData": {}, "location": "1 Main Street"}, None),
        ({"metadata": {"videoCallUrl": "javascript:alert(1)"}, "videoCallData": {}, "location": "ftp://a"}, None),
        ({"metadata": {"videoCallUrl": 'https://a.example/"><script>'}, "videoCallData": {}, "location": 5}, None),
        ({"metadata": {"videoCallUrl": "https://[a"}, "videoCallData": [], "location": "https://"}, None),
    ],
)
def test_the_call_is_where_a_web_address_says_so(where: dict[str, Any], url: str | None) -> None:
    assert event(booked(**where)).join_url == url


def test_texts_are_cleaned_and_cut() -> None:
    told = event(
        booked(title="A\x00 b\n\x1bc \ud800" + "x" * 500, attendees=[{"email": "a@b.co", "name": "\x07Ada  L"}])
    )

    assert (told.title[:6], len(told.title), told.first_name) == ("A b c ", 200, "Ada")
    json.loads(told.to_json().encode())


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
    opens: Opener, store_url: str, types: tuple[str, ...], counts: bool
) -> None:
    site = await opens(store_url, calcom_event_types=", ".join(types), **SECRETS)
    answer = await calcom_posts(site, fixture("booking_created"))

    assert (answer.status, answer.json["status"]) == ((202, "accepted") if counts else (200, "ignored"))
    # It says nothing of its type: it is about a booking that counted before, or about none.
    assert (await calcom_posts(site, fixture("no_show_updated"))).status == 202


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain", "nonsense", ""])
async def test_its_content_type_is_not_to_be_trusted(site: Site, kind: str) -> None:
    assert (await calcom_posts(site, fixture("booking_created"), **{"Content-Type": kind})).status == 202


async def test_a_booking_is_taken_while_the_store_is_away_and_keeps_its_answer(
    opens: Opener, own_store: EmbeddedStore, clock: VirtualClock
) -> None:
    site = await opens(own_store.url, **SECRETS)
    before = await calcom_posts(site, fixture("no_show_updated"))
    own_store.stop()

    first = await calcom_posts(site, fixture("booking_created"))
    moved = await calcom_posts(site, fixture("booking_rescheduled"))
    clock.advance(60_000)
    assert (first.status, moved.status) == (202, 202)
    assert (await calcom_posts(site, fixture("booking_created"))).body == first.body
    assert (await calcom_posts(site, fixture("no_show_updated"))).body == before.body
    assert site.context.intake.spool.events == 2

    own_store.start()
    await site.settled()
    assert (await calcom_posts(site, fixture("booking_created"))).body == first.body
    assert [one.kind for one in await kept(site, "uidBBB")] == [
        BookingKind.CREATED, BookingKind.RESCHEDULED, BookingKind.NO_SHOW,
    ]  # fmt: skip
    assert await site.store.zcard(keys.delayed("bookings")) == 3


async def test_the_booking_is_asked_to_be_looked_at(
    site: Site, store: redis.asyncio.Redis, clock: VirtualClock
) -> None:
    await calcom_posts(site, fixture("booking_created"))

    assert await store.zrange(keys.delayed("bookings"), 0, -1, withscores=True) != []
    assert await store.zscore(keys.BOOKINGS, booking_id("uidAAA")) == clock.now_ms()
