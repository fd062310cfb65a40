"""
The store is killed while signups, bookings and unsubscribes arrive: all are answered 2xx and processed once.

`make outage` stops it for a minute; AWAY_S sets the time in seconds.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import pytest

from common.domain.ids import address_hash, booking_id, enrollment_id
from common.domain.suppression import Unsubscribe
from common.ledger import keys
from common.store.clients import connect
from tests.acceptance import calcom
from tests.acceptance.http import request
from tests.acceptance.place import SECRETS, UNLIMITED, Place
from tests.acceptance.waiting import eventually
from tests.acceptance.website import person

AWAY_S = float(os.environ.get("AWAY_S", "3"))

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180 + 2 * AWAY_S)]

STEPS = 7
EARLY = 4


def test_all_events_that_arrive_while_the_store_is_down_are_processed_once(
    places: Callable[[], Place],
) -> None:
    place = places()
    store = place.own_store()
    store.start()
    place.serve("sandbox", **UNLIMITED)
    place.sandbox.lift_rate_limits()
    gateway, worker = place.serve("gateway", **UNLIMITED), place.serve("worker", **UNLIMITED)
    for number in range(EARLY):
        assert place.website.post(person(f"Early{number}"), f"early_{number}").status == 202
    eventually(lambda: len(place.sandbox.inbox()) >= EARLY, "the first mails")

    assert store.process is not None
    store.process.kill()
    store.process.wait()
    came = _events_while_it_is_away(place)
    left = person("Early0")["email"]
    assert request("POST", _way_out(place, left), b"List-Unsubscribe=One-Click", _FORM).status == 200
    ready = request("GET", f"{place.gateway_url}/ready")
    assert (ready.status, ready.json["dependencies"]["store"]["status"]) == (200, "down")
    store.start()

    def enrolled() -> int:
        with connect(store.url) as client:
            return int(client.zcard("{advent}:under_way"))

    eventually(lambda: enrolled() == EARLY + came, "everybody is enrolled")
    with connect(store.url) as client:
        for number in range(came):
            meeting = keys.guest(booking_id(f"booking-{number}"))
            eventually(lambda meeting=meeting: client.hget(meeting, "state") == b"booked", "every call stands")
    stays = EARLY + came - 1
    eventually(lambda: _finished(place) >= stays, "seven mails for all who stayed", within_s=90)
    time.sleep(0.5)
    assert set(place.sandbox.mails_by_key().values()) == {1}
    assert len(place.sandbox.inbox(left)) < STEPS
    assert place.ask("status")["dead_letters"] == 0
    assert gateway.is_running
    assert worker.is_running


def _events_while_it_is_away(place: Place) -> int:
    """Send signups, and bookings of other contacts, each twice, and check for prompt 2xx. Return how many of each."""
    came, until = 0, time.monotonic() + AWAY_S
    while time.monotonic() < until:
        name = f"Late{came}"
        began = time.monotonic()
        first = place.website.post(person(name), f"late_{came}")
        again = place.website.post(person(name), f"late_{came}")
        assert (first.status, again.status, again.body) == (202, 202, first.body)
        booking = _booking(came)
        assert {calcom.post(place, booking).status, calcom.post(place, booking).status} == {202}
        assert time.monotonic() - began < 10
        came += 1
        time.sleep(AWAY_S / 15)
    return came


def _booking(number: int) -> dict[str, Any]:
    """Return a booking for next week by a contact who does not sign up, so that it holds no mail."""
    body = calcom.reported("booking_created", start_ms=calcom.now_ms() + 7 * 86_400_000)
    email = f"caller{number}@people.example"
    body["payload"] |= {"uid": f"booking-{number}", "iCalUID": f"booking-{number}@Cal.com"}
    body["payload"]["attendees"] = [{**body["payload"]["attendees"][0], "email": email}]
    body["payload"]["responses"]["email"]["value"] = email
    return body


def _finished(place: Place) -> int:
    keys = place.sandbox.mails_by_key()
    return sum(key.endswith("/step-7") for key in keys)


def _way_out(place: Place, address: str) -> str:
    mark = address_hash(SECRETS["SECRET_KEY"], address)
    token = Unsubscribe(enrollment_id("christmas_2025", address), mark).token(SECRETS["SECRET_KEY"])
    return f"{place.gateway_url}/unsubscribe/{token}"


_FORM = {"content-type": "application/x-www-form-urlencoded"}
