"""The whole life of a booked call, reported to real processes by Cal.com's webhooks, or by none of them."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

import pytest
import redis

from common.campaigns.loader import load_campaign
from common.clock import SystemClock
from common.domain.booking import BookingEvent, BookingKind
from common.domain.cadence import Pace
from common.ledger import keys
from common.ledger.bookings import Bookings
from common.ledger.ledger import Ledger
from common.store.clients import connect, connect_async
from tests.acceptance.calcom import does, iso, now_ms, post, reported
from tests.acceptance.place import SECRETS, Place
from tests.acceptance.waiting import Late, eventually, on_time, punctual

GUEST = "guest@example.com"
BEFORE_S = {"72h": 6, "24h": 3, "2h": 1}
"""Seconds before the call at which each reminder is due, in testing mode at speed 60."""

PARKED = 10_000
DAY_MS = 86_400_000


@punctual
def test_call_is_booked_moved_completed_and_marked_no_show_as_cal_com_reports_it(place: Place) -> None:
    place.serve_all()
    first_ms, second_ms = now_ms() + 9_000, now_ms() + 12_000

    assert post(place, reported("ping")).json["status"] == "ignored"
    created = reported("booking_created", start_ms=first_ms)
    assert [post(place, created).status, post(place, created).status] == [202, 202]
    eventually(lambda: _contact(place) == ("Booked", first_ms), "the call on the board")
    assert post(place, reported("booking_rescheduled", start_ms=second_ms, minutes=0.01)).status == 202
    _changed_before_its_first_reminder(place, "moved", first_ms)

    _reminders_come_on_time(place, GUEST, second_ms)
    eventually(lambda: _contact(place) == ("Booked", second_ms), "the moved call on the board")
    [row] = place.sandbox.rows("BusinessX Canada")
    assert row["Christmas Campaign Status"] == "Pre-Call Prep"
    eventually(lambda: now_ms() > second_ms + 1_000, "the end of the meeting")
    assert post(place, reported("meeting_ended_flat", start_ms=second_ms, minutes=0.01)).status == 202
    eventually(lambda: _contact(place)[0] == "Completed", "the meeting, completed")
    assert post(place, reported("no_show_updated")).status == 202
    eventually(lambda: _contact(place)[0] == "No-Show", "the meeting, missed")
    eventually(lambda: _followed_up(place), "a follow-up of the call")

    assert [what for what in _happened(place) if what not in _followed_up(place)] == [
        *["call booked", "call moved"],
        *["reminder 72h accepted", "reminder 24h accepted", "reminder 2h accepted"],
        *["call ended", "no-show marked"],
    ]
    # The after-call follow-up waits one second at this pace; the no-show mark may come before or after it is sent.
    assert _followed_up(place) in (["follow-up missed accepted"], ["follow-up after-call accepted"])
    assert place.ask("contact", GUEST)["next"] == []
    assert {GUEST} == {address for mail in place.sandbox.inbox() for address in mail["to"]}


@punctual
def test_cancelled_call_sends_no_reminders_through_real_processes(place: Place) -> None:
    place.serve_all()
    start_ms = now_ms() + 9_000
    post(place, reported("booking_created", start_ms=start_ms))
    eventually(lambda: _contact(place) == ("Booked", start_ms), "the call on the board")
    post(place, reported("booking_rescheduled", start_ms=start_ms + 1_000))
    assert post(place, reported("booking_cancelled", start_ms=start_ms + 1_000)).status == 202
    _changed_before_its_first_reminder(place, "cancelled", start_ms)

    eventually(lambda: _contact(place)[0] == "Not Booked", "nobody booked any longer")
    eventually(lambda: now_ms() > start_ms + 2_000, "the hour of the call")
    assert place.sandbox.inbox() == []
    assert _happened(place) == ["call booked", "call moved", "call cancelled"]
    assert place.ask("contact", GUEST)["next"] == []


@punctual
def test_booking_changes_without_a_webhook_are_repaired(place: Place) -> None:
    place.serve_all()
    start_ms = now_ms() + 18_000
    people = {name: f"{name}@people.example" for name in ("boris", "chen", "dunya")}
    uids = {
        name: does(place, email=address, start=iso(start_ms), webhook=name != "boris")["uid"]
        for name, address in people.items()
    }
    eventually(lambda: len(place.sandbox.rows("BusinessX Canada")) >= 2, "those whose webhook came")

    does(place, f"/{uids['chen']}/cancel", webhook=False)
    moved = does(place, f"/{uids['dunya']}/reschedule", start=iso(start_ms + 4_000), webhook=False)

    assert moved["rescheduledFromUid"] == uids["dunya"]
    for state in ("cancelled", "moved"):
        _changed_before_its_first_reminder(place, state, start_ms)
    for name, at_ms in (("boris", start_ms), ("dunya", start_ms + 4_000)):
        _reminders_come_on_time(place, people[name], at_ms)
    assert _contact(place, people["chen"])[0] == "Not Booked"
    assert place.sandbox.inbox(people["chen"]) == []
    repaired = [
        line["what"] for worker in place.processes for line in worker.logs() if line["event"] == "booking_repaired"
    ]
    assert sorted(repaired) == ["cancelled", "created", "rescheduled"]


def test_unreadable_calendar_is_shown_in_status_and_delays_no_mail(place: Place) -> None:
    place.own_store().start()
    place.serve("sandbox")
    place.sandbox.set_faults({"provider": "calcom", "kind": "status", "status": 401})
    place.serve("gateway")
    place.serve("worker")
    start_ms = now_ms() + 12_000
    does(place, email=GUEST, start=iso(start_ms))

    eventually(lambda: "calcom" in place.ask("status")["circuits"], "the trouble")
    assert "CALCOM_API_KEY" in place.ask("status")["circuits"]["calcom"]["cure"]
    eventually(lambda: len(place.sandbox.inbox(GUEST)) == 3, "three reminders")
    place.sandbox.set_faults()
    eventually(lambda: place.ask("status")["circuits"] == {}, "no trouble any longer")


@pytest.mark.timeout(600)
@punctual
def test_due_reminder_starts_on_time_behind_ten_thousand_bookings(
    place: Place,
) -> None:
    place.serve_all()
    asyncio.run(_book(place, [(f"p{n}@people.example", now_ms() + 20 * DAY_MS + n) for n in range(PARKED)]))
    assert place.store is not None
    with connect(place.store.url) as store:
        eventually(lambda: _is_parked(store), "all reminders parked, and no booking left to look at", within_s=240)

    start_ms = now_ms() + 11_000
    asyncio.run(_book(place, [("boris@people.example", start_ms)]))

    # The log has a line for each of the ten thousand bookings. It is read only once, after the reminder was sent, so
    # that reading it delays nothing.
    first = eventually(lambda: place.sandbox.inbox("boris@people.example"), "the reminder that is due")[0]
    [accepted] = eventually(lambda: place.accepted("72h"), "its line in the log")
    on_time(accepted["lateness_ms"] / 1000, 0.25, "the start of the reminder")
    on_time((first["accepted_at"] - start_ms) / 1000 + BEFORE_S["72h"], 0.5, "the reminder itself")
    assert {"boris@people.example"} == {address for mail in place.sandbox.inbox() for address in mail["to"]}


def _is_parked(store: redis.Redis) -> bool:
    """Return whether all reminders are scheduled and the only booking jobs left are those due after the calls' ends."""
    left = store.zcount(keys.delayed("bookings"), 0, now_ms() + DAY_MS) + store.llen(keys.ready("bookings"))
    return store.zcard(keys.delayed("send")) >= 3 * PARKED and left == 0


def _changed_before_its_first_reminder(place: Place, state: str, start_ms: int) -> None:
    """Wait until a worker has written that state of a call. Raise Late if its first reminder was due by then."""
    line = eventually(lambda: _resolved(place, state), f"a call that is {state}")[0]
    changed_ms = datetime.fromisoformat(line["timestamp"]).timestamp() * 1_000
    if changed_ms > start_ms - 1_000 * BEFORE_S["72h"]:
        raise Late("the change came after the first reminder was due")


def _resolved(place: Place, state: str) -> list[dict[str, Any]]:
    lines = [line for process in place.processes for line in process.logs()]
    return [line for line in lines if line["event"] == "booking_resolved" and state in line["states"]]


def _reminders_come_on_time(place: Place, address: str, start_ms: int) -> None:
    mails = eventually(lambda: _three(place, address), f"three reminders to {address}", within_s=40)
    for mail, (name, seconds) in zip(mails, BEFORE_S.items(), strict=True):
        on_time((mail["accepted_at"] - start_ms) / 1000 + seconds, 0.5, f"the reminder {name}")


def _three(place: Place, address: str) -> list[dict[str, Any]]:
    mails = place.sandbox.inbox(address)
    assert len(mails) <= 3
    return mails if len(mails) == 3 else []


def _contact(place: Place, address: str = GUEST) -> tuple[str | None, int | None]:
    """Return the Booking Status and the Diagnostic Call Date (ms) that Notion shows; None for what it does not show."""
    for row in place.sandbox.rows("BusinessX Canada"):
        if row["email"] == address:
            date = row["Diagnostic Call Date"]
            return row["Booking Status"], round(datetime.fromisoformat(date).timestamp() * 1000) if date else None
    return None, None


def _happened(place: Place) -> list[str]:
    """Return the timeline of `advent contact`, without lines about skipped deliveries and delivered mails."""
    lines = [line["what"] for line in place.ask("contact", GUEST)["happened"]]
    return [what for what in lines if not what.endswith("skipped") and "delivered" not in what]


def _followed_up(place: Place) -> list[str]:
    return [what for what in _happened(place) if what.startswith("follow-up")]


async def _book(place: Place, calls: list[tuple[str, int]]) -> None:
    """Store one booking event for each call (address, start in ms) while the worker runs."""
    assert place.store is not None
    client = connect_async(place.store.url)
    campaign = load_campaign("christmas_2025")
    cadence = campaign.cadence(Pace(testing=True, speed=60))
    bookings = Ledger(client, campaign=campaign.key, cadence=cadence, secret_key=SECRETS["SECRET_KEY"]).bookings
    try:
        for first in range(0, len(calls), 100):
            await asyncio.gather(*(_reported(bookings, *call) for call in calls[first : first + 100]))
    finally:
        await client.aclose()


async def _reported(bookings: Bookings, address: str, start_ms: int) -> None:
    at_ms = SystemClock().now_ms()
    event = BookingEvent(
        kind=BookingKind.CREATED,
        uid=f"uid-{address}",
        event_ms=at_ms,
        received_ms=at_ms,
        start_ms=start_ms,
        end_ms=start_ms + 1_800_000,
        email=address,
    )
    await bookings.accept(event, webhook_id=f"calcom:BOOKING_CREATED:{address}")
