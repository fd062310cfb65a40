"""The real client against the sandbox's Cal.com, and against scripted bad answers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web

from common.clock import iso
from common.domain.booking_diff import ListedBooking
from common.errors import Failure, Misconfigured, Throttled, Transient
from common.providers.budget import Budget
from common.providers.calcom.calendar import PAGE, CalcomCalendar
from common.providers.calcom.rows import read_booking
from services.sandbox.ids import CALCOM_KEY
from tests.contract.scripted import Answer, scripted
from tests.sandbox.running import RunningSandbox, running

HOUR_MS = 3_600_000


class Counted(Budget):
    def __init__(self) -> None:
        self.taken, self.pushed = 0, list[int]()

    async def take(self) -> None:
        self.taken += 1

    async def push(self, retry_after_ms: int) -> None:
        self.pushed.append(retry_after_ms)


@pytest.fixture
async def run() -> AsyncIterator[RunningSandbox]:
    async with running() as started:
        yield started


async def book(run: RunningSandbox, path: str = "", **given: Any) -> Any:
    async with run.http.post(f"{run.url}/calcom/_bookings{path}", json={"webhook": False, **given}) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


async def read(url: str, which: str, *instants: int, key: str = CALCOM_KEY, budget: Budget | None = None) -> list[Any]:
    calendar = CalcomCalendar(key, url, budget=budget or Counted(), timeout_s=1)
    try:
        return [page async for page in getattr(calendar, which)(*instants)]
    finally:
        await calendar.close()


async def test_bookings_of_every_status_in_a_window_are_read_page_by_page(run: RunningSandbox):
    now_ms = run.clock.now_ms()
    for number in range(PAGE + 3):
        await book(run, uid=f"b{number}", start=iso(now_ms + number * HOUR_MS), email=f"p{number}@people.example")
    await book(run, "/b7/cancel")
    budget = Counted()

    pages = await read(f"{run.url}/calcom", "between", now_ms - HOUR_MS, now_ms + 1000 * HOUR_MS, budget=budget)

    assert [len(page) for page in pages] == [PAGE, 3]
    assert budget.taken == 2
    assert {"b7"} == {row.uid for page in pages for row in page if row.status == "cancelled"}
    assert [row for page in await read(f"{run.url}/calcom", "between", 0, HOUR_MS) for row in page] == []


async def test_bookings_changed_since_a_time_are_read_with_their_rescheduling_links(run: RunningSandbox):
    now_ms = run.clock.now_ms()
    await book(run, uid="old", start=iso(now_ms + HOUR_MS))
    run.clock.advance(HOUR_MS)
    await book(run, uid="A", start=iso(now_ms + 5 * HOUR_MS), name="Boris Ivanov", timeZone="America/Vancouver")
    moved = await book(run, "/A/reschedule", start=iso(now_ms + 9 * HOUR_MS))

    [[before, after]] = await read(f"{run.url}/calcom", "changed_since", now_ms + HOUR_MS)

    assert (before.uid, before.status, before.moved_to) == ("A", "cancelled", moved["uid"])
    assert after == ListedBooking(
        uid=moved["uid"],
        status="accepted",
        created_ms=now_ms + HOUR_MS,
        updated_ms=now_ms + HOUR_MS,
        start_ms=now_ms + 9 * HOUR_MS,
        end_ms=now_ms + 9 * HOUR_MS + HOUR_MS // 2,
        email="guest@people.example",
        moved_from="A",
        ical_uid="A@Cal.com",
        first_name="Boris",
        timezone="America/Vancouver",
        title="Strategy Call between Sarah Host and a guest",
        join_url=f"https://app.cal.com/video/{moved['uid']}",
        organizer="Sarah Host",
        organizer_email="host@advent.example",
        event_types=("123", "strategy-call"),
    )


async def test_a_wrong_key_and_a_missing_version_are_reported_apart(run: RunningSandbox):
    with pytest.raises(Misconfigured, match="CALCOM_API_KEY"):
        await read(f"{run.url}/calcom", "changed_since", 0, key="cal_wrong")
    headers = {"authorization": f"Bearer {CALCOM_KEY}"}
    async with run.http.get(f"{run.url}/calcom/v2/bookings", headers=headers) as answer:
        assert answer.status == 404
    with pytest.raises(Misconfigured, match="CALCOM_API_URL"):
        await read(f"{run.url}/elsewhere", "changed_since", 0)


async def test_throttling_by_cal_com_pushes_the_budget_for_the_demanded_wait(run: RunningSandbox):
    run.sandbox.board.change({"calcom_requests_per_minute": 1})
    budget = Counted()
    await read(f"{run.url}/calcom", "changed_since", 0, budget=budget)
    run.clock.advance(20_000)

    with pytest.raises(Throttled):
        await read(f"{run.url}/calcom", "changed_since", 0, budget=budget)

    assert budget.pushed == [40_000]


def answering(status: int, body: str = "{}", **headers: str) -> Answer:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, text=body, headers={k.replace("_", "-"): v for k, v in headers.items()})

    return answer


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        (answering(429), Throttled, "http_429"),
        (answering(503), Transient, "http_503"),
        (answering(502, "<html>"), Transient, "http_502"),
        (answering(403), Misconfigured, "http_403"),
        (answering(403, "<html>", content_type="text/html"), Transient, "network_edge"),
        (answering(400), Misconfigured, "http_400"),
        (answering(302, location="/elsewhere"), Misconfigured, "http_302"),
        (answering(200, "<html>"), Transient, "unreadable_answer"),
        (answering(200, '{"data": null}'), Transient, "unreadable_answer"),
        (answering(200, "[]"), Transient, "unreadable_answer"),
    ],
)
async def test_each_bad_answer_is_a_failure_of_its_kind(answer: Answer, kind: type[Failure], code: str):
    async with scripted(answer) as script:
        with pytest.raises(kind) as caught:
            await read(script.url, "changed_since", 0)

    assert type(caught.value) is kind
    assert caught.value.code == code


async def test_refused_connection_to_cal_com_is_transient():
    with pytest.raises(Transient) as caught:
        await read("http://127.0.0.1:1", "changed_since", 0)
    assert caught.value.code == "connect"


async def test_bookings_without_a_pagination_object_are_read_until_a_page_is_empty():
    row = {"uid": "A", "status": "accepted", "start": "2026-12-03T18:00:00Z", "end": "2026-12-03T18:30:00Z"}
    page = json.dumps({"status": "success", "data": [row, row]})
    async with scripted(answering(200, page), answering(200, page), answering(200, '{"data": []}')) as script:
        pages = await read(script.url, "changed_since", 0)

    assert [len(page) for page in pages] == [2, 2, 0]
    assert [asked.query["skip"] for asked in script.asked] == ["0", "2", "4"]
    assert {"2024-08-13"} == {asked.headers["cal-api-version"] for asked in script.asked}
    assert {"1970-01-01T00:00:00.000Z"} == {asked.query["afterUpdatedAt"] for asked in script.asked}


@pytest.mark.parametrize("seat", [{}, {"seatUid": "s1"}], ids=["without seats", "with seats"])
def test_guests_language_and_sms_number_and_the_hosts_address_are_read_from_a_row(seat: dict[str, str]):
    answers = {"bookingFieldsResponses": {"smsReminderNumber": "+14165550123", "attendeePhoneNumber": "+16475550100"}}
    attendee = {"name": "Ada", "email": "ada@example.org", "language": "fr", "phoneNumber": "+16475550100"}
    row = {
        **{"uid": "A", "status": "accepted", "start": "2026-12-03T18:00:00Z", "end": "2026-12-03T18:30:00Z"},
        **({} if seat else answers),
        "attendees": [{**attendee, **seat, **(answers if seat else {})}],
        "hosts": [{"name": "Sarah Host", "email": "Host@example.com"}],
    }

    found, silent = read_booking(row), read_booking(row | {"bookingFieldsResponses": {}, "attendees": [attendee]})

    assert found is not None
    assert silent is not None
    guest = found.seats[0] if seat else found
    assert (guest.locale, guest.sms_number, found.organizer_email) == ("fr", "+14165550123", "host@example.com")
    assert silent.sms_number is None


def test_invalid_fields_of_a_booking_row_are_dropped_and_an_invalid_row_is_none():
    row = {"uid": "A", "status": "accepted", "start": "2026-12-03T18:00:00Z", "end": "2026-12-03T18:30:00+00:00"}
    odd = {
        "attendees": [{"email": "no address", "name": 7, "timeZone": "Mars/Base", "absent": "yes", "language": 7}],
        "bookingFieldsResponses": {"email": " Boris@Example.ORG ", "smsReminderNumber": 7},
        "location": "integrations:daily",
        "meetingUrl": "javascript:alert(1)",
        "hosts": None,
        "eventType": 3,
        "icsUid": "one for all",
        "updatedAt": None,
        "recurringBookingUid": "r",
    }

    found = read_booking(row | odd)

    assert found is not None
    assert (found.email, found.first_name, found.timezone, found.join_url) == ("boris@example.org", None, None, None)
    assert (found.locale, found.sms_number, found.organizer_email) == (None, None, None)
    assert (found.ical_uid, found.is_absent, found.updated_ms, found.event_types) == (None, False, None, ())
    assert found.start_ms == round(datetime(2026, 12, 3, 18, tzinfo=UTC).timestamp() * 1000)
    for wrong in (
        None,
        [],
        {},
        row | {"uid": ""},
        row | {"status": "odd"},
        row | {"start": "soon"},
        row | {"end": None},
    ):
        assert read_booking(wrong) is None
