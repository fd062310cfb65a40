"""The calendar link in a guest's reminder: it shows the current state of their own call, and of no other."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import icalendar
import pytest
import vobject

from common.domain.calendar_link import CalendarLink
from common.domain.ids import address_hash, booking_id, seat_id
from common.store.embedded import EmbeddedStore
from tests.gateway.conftest import SECRET_KEY, Answer, Gateway, OpenGateway
from tests.gateway.senders import SECRETS, fixture, post_calcom

GUEST = "guest@example.com"
BEFORE = datetime(2026, 12, 3, 18, tzinfo=UTC)
AFTER = datetime(2026, 12, 4, 19, tzinfo=UTC)


@pytest.fixture
async def gateway(open_gateway: OpenGateway, store_url: str) -> Gateway:
    return await open_gateway(store_url, **SECRETS)


def link(uid: str = "uidAAA", address: str = GUEST, *, seat: bool = False, key: str = SECRET_KEY) -> str:
    guest = seat_id(booking_id(uid), address) if seat else booking_id(uid)
    return f"/calendar/{CalendarLink(guest, address_hash(SECRET_KEY, address)).token(key)}.ics"


def event_in(answer: Answer) -> Any:
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/calendar; charset=utf-8; method=PUBLISH")
    [event] = icalendar.Calendar.from_ical(answer.body).walk("VEVENT")
    return event


async def tells(gateway: Gateway, name: str, **changes: Any) -> None:
    payload = fixture(name)
    payload["payload"] |= changes
    assert (await post_calcom(gateway, payload)).status in (200, 202)


async def test_calendar_link_follows_a_call_through_reschedule_and_cancellation(gateway: Gateway) -> None:
    await tells(gateway, "booking_created")
    before = await gateway.request("GET", link())
    await tells(gateway, "booking_rescheduled")
    after, of_the_new_booking = await gateway.request("GET", link()), await gateway.request("GET", link("uidBBB"))
    await tells(gateway, "booking_cancelled")
    gone = await gateway.request("GET", link())

    events = [event_in(answer) for answer in (before, after, of_the_new_booking)]
    assert [event["DTSTART"].dt for event in events] == [BEFORE, AFTER, AFTER]
    assert [vobject.readOne(one.body.decode()).vevent.dtstart.value for one in (before, after)] == [BEFORE, AFTER]
    assert {"uidAAA@Cal.com"} == {str(event["UID"]) for event in events}
    assert [int(event["SEQUENCE"]) for event in events] == [0, 1, 1]
    assert (gone.status, gone.headers["Content-Type"]) == (410, "application/problem+json")


async def test_calendar_link_of_a_cancelled_call_shows_a_page_in_the_language_of_the_mail(gateway: Gateway) -> None:
    await tells(gateway, "booking_cancelled")

    html = {"accept": "text/html"}

    english = await gateway.request("GET", link("uidBBB"), headers=html)
    french = await gateway.request("GET", link("uidBBB") + "?lang=fr-CA", headers=html)

    assert (english.status, french.status) == (410, 410)
    assert "no longer in our calendar" in english.body.decode()
    assert "plus à notre agenda" in french.body.decode()
    assert "default-src 'none'" in english.headers["Content-Security-Policy"]


async def test_calendar_file_contains_no_unverified_title_link_or_address(gateway: Gateway) -> None:
    evil = {"title": "Win a prize at evil.example", "metadata": {"videoCallUrl": "https://evil.example/x"}}
    await tells(gateway, "booking_created", **evil, videoCallData={}, location="https://evil.example/y")

    answer = await gateway.request("GET", link())

    assert str(event_in(answer)["SUMMARY"]).startswith("Call with ")
    assert b"evil.example" not in answer.body
    assert GUEST.encode() not in answer.body
    assert GUEST not in link()


async def test_calendar_file_of_a_signed_up_contact_has_the_title_and_the_join_link(
    gateway: Gateway,
) -> None:
    await gateway.sign_up({"email": GUEST, "first_name": "Guest", "assessment_score": 42})
    await tells(gateway, "booking_created", title="Diagnostic call")

    event = event_in(await gateway.request("GET", link()))

    assert str(event["SUMMARY"]) == "Diagnostic call"
    assert str(event["LOCATION"]) == "https://app.cal.com/video/uidAAA"
    assert event["ORGANIZER"].params["CN"] == "Sarah Host"
    assert "host@" not in str(event["ORGANIZER"])


async def test_each_guest_of_a_call_with_seats_has_their_own_calendar_link(gateway: Gateway) -> None:
    seats = {"seatsPerTimeSlot": 3}
    ann, ben = ({"email": f"{name}@example.org", "name": name, "timeZone": "UTC"} for name in ("ann", "ben"))
    await tells(gateway, "booking_created", attendees=[ann, ben], **seats)
    await tells(gateway, "booking_rescheduled", attendees=[ann], **seats)

    moved = await gateway.request("GET", link(address="ann@example.org", seat=True))
    stays = await gateway.request("GET", link(address="ben@example.org", seat=True))
    stranger = await gateway.request("GET", link(address="eve@example.org", seat=True))

    assert [event_in(answer)["DTSTART"].dt for answer in (moved, stays)] == [AFTER, BEFORE]
    assert stranger.status == 410


@pytest.mark.parametrize(
    "path", [link(key="another key" * 3), link().replace(".ics", "A.ics"), "/calendar/x.ics", "/calendar/é.é.é.ics"]
)
async def test_forged_calendar_link_is_404(gateway: Gateway, path: str) -> None:
    await tells(gateway, "booking_created")

    answer = await gateway.request("GET", path)
    page = await gateway.request("GET", path, headers={"accept": "text/html"})

    assert (answer.status, answer.headers["Content-Type"]) == (404, "application/problem+json")
    assert (page.status, page.headers["Content-Type"]) == (404, "text/html; charset=utf-8")


async def test_calendar_token_cannot_unsubscribe(gateway: Gateway) -> None:
    token = link().removeprefix("/calendar/").removesuffix(".ics")

    assert (await gateway.request("GET", f"/unsubscribe/{token}")).status == 404


async def test_calendar_link_gives_503_with_retry_after_while_the_store_is_away(
    open_gateway: OpenGateway, own_store: EmbeddedStore
) -> None:
    gateway = await open_gateway(own_store.url, **SECRETS)
    own_store.stop()

    for _ in range(2):
        answer = await gateway.request("GET", link())
        assert (answer.status, answer.headers["Retry-After"]) == (503, "30")
