"""The guests of a booking, from Cal.com's webhook or list to the mail, Notion and the timeline."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest
import redis.asyncio

from actors.upkeep.booking_sync import reconcile_bookings
from common.campaigns.loader import Campaign
from common.clock import VirtualClock
from common.domain.booking import BookingKind
from common.domain.booking_diff import ListedBooking
from common.domain.contact import Assessment
from common.domain.ids import booking_id, seat_id
from common.ledger import keys
from common.providers.calcom.rows import read_booking
from common.settings.settings import Settings
from services.simulation.engine import Simulation
from tests.ledger_reads import timeline_of
from tests.reported_calls import (
    ADA,
    BOB,
    HOUR_MS,
    START_MS,
    calls,
    cancelled,
    case,
    contact,
    mails,
    ms,
    parse_event,
    post,
)

DAY_MS = 24 * HOUR_MS


@pytest.fixture
def guests(store: redis.asyncio.Redis, campaign: Campaign) -> Simulation:
    settings = Settings(secret_key="k" * 32, sandboxed=frozenset({"resend", "notion"}), meeting_hosts="example.com")
    return Simulation(store, campaign, settings, clock=VirtualClock(ms("2026-11-29T10:00:00Z")))


async def test_both_guests_of_a_call_with_seats_have_their_own_reminders_hours_and_names(guests):
    await post(guests, *case("c17"))
    await guests.run()

    assert [name for name, _ in mails(guests, ADA)] == ["72h", "24h", "2h"]
    assert [name for name, _ in mails(guests, BOB)] == ["72h", "24h", "2h"]
    assert all("Ada" in text and "1:00 p.m." in text and "Toronto" in text for _, text in mails(guests, ADA))
    assert all("Bob" in text and "19\N{NO-BREAK SPACE}h" in text for _, text in mails(guests, BOB))
    assert all("Europe centrale" in text for _, text in mails(guests, BOB)[:1])
    assert {mail.tags["booking"] for mail in guests.mailer.inbox_of(BOB)} == {seat_id(booking_id("seat1"), BOB)}
    assert {guests.mirror.bookings[contact(who)].status for who in (ADA, BOB)} == {"Unmarked"}


async def test_cancelled_seat_ends_the_reminders_of_its_guest_only(guests):
    ada, bob = case("c17")
    await post(guests, ada, bob, cancelled(bob, "2026-12-01T10:00:00.000Z"))
    await guests.run()

    assert [name for name, _ in mails(guests, ADA)] == ["72h", "24h", "2h"]
    assert [name for name, _ in mails(guests, BOB)] == ["72h"]
    assert guests.mirror.bookings[contact(BOB)].status == "Not Booked"


async def test_cancellation_without_a_guest_ends_the_reminders_of_all_guests(guests):
    ada, bob = case("c17")
    await post(guests, ada, bob, cancelled(ada, "2026-12-01T10:00:00.000Z", attendees=[]))
    await guests.run()

    assert [len(mails(guests, who)) for who in (ADA, BOB)] == [1, 1]


@pytest.mark.timeout(60)
async def test_seats_end_in_the_same_state_in_every_order_of_events(guests, store):
    ada, bob = case("c17")
    moved_payload = {**bob["payload"], "uid": "seat2", "rescheduleUid": "seat1", "startTime": "2026-12-05T18:00:00Z"}
    moved = {"triggerEvent": "BOOKING_RESCHEDULED", "createdAt": "2026-11-29T10:03:00.000Z", "payload": moved_payload}
    new_host = {**moved_payload, "organizer": {"name": "Nina Newhost"}, "rescheduleUid": None}
    given = {"triggerEvent": "BOOKING_REASSIGNED", "createdAt": "2026-11-29T10:04:00.000Z", "payload": new_host}
    simulation = [ada, bob, moved, given, cancelled(ada, "2026-11-29T10:05:00.000Z")]
    ends = set()
    for order in [*permutations(simulation)][::7]:
        await store.flushall()
        for body in (*order, order[2]):
            await guests.receive(parse_event(body, received_ms=guests.clock.now_ms(), types=()))
            await guests.run(until_ms=guests.clock.now_ms())
        ends.add(
            tuple(
                [
                    (
                        who,
                        call.booking.uid,
                        call.booking.state.value,
                        call.booking.organizer,
                        name,
                        str(record.status),
                    )
                    for who in (ADA, BOB)
                    for call in sorted(await calls(guests, who), key=lambda one: one.booking.uid)
                    for name, record in sorted(call.records.items())
                ]
            )
        )

    [end] = ends
    assert {one[:4] for one in end} == {
        (ADA, "seat1", "cancelled", "Sarah Host"),
        (BOB, "seat1", "moved", "Sarah Host"),
        (BOB, "seat2", "booked", "Nina Newhost"),
    }


async def test_absence_of_the_host_is_shown_as_such_and_changes_nothing_for_the_guest(guests):
    await post(guests, *case("c21"))
    await guests.run()

    happened = [entry.what for entry in await timeline_of(guests.ledger, contact(ADA))]
    assert "host marked absent" in happened
    assert "no-show marked" not in happened
    assert guests.mirror.bookings[contact(ADA)].status == "Unmarked"


def marked(absent: str, *, uid: str = "seat1", minute: int = 0, no_show: object = True) -> dict[str, Any]:
    """Return the webhook that marks somebody as absent from a call, an hour after its start."""
    payload = {"bookingUid": uid, "attendees": [{"email": absent, "noShow": no_show}]}
    return {
        "triggerEvent": "BOOKING_NO_SHOW_UPDATED",
        "createdAt": f"2026-12-03T19:{minute:02}:00Z",
        "payload": payload,
    }


async def absences(simulation: Simulation, address: str) -> list[str]:
    """Return what this guest's timeline says about absences."""
    happened = [entry.what for entry in await timeline_of(simulation.ledger, contact(address))]
    return [what for what in happened if "absen" in what or what.startswith("no-show")]


async def test_absence_of_the_host_of_a_call_with_seats_is_shown_to_every_guest_and_thanks_nobody(guests):
    ended = {"triggerEvent": "MEETING_ENDED", "createdAt": "2026-12-03T19:00:00Z", "payload": {"uid": "seat1"}}
    await post(guests, *case("c17"), marked("host@example.com"), ended)
    await guests.run()

    assert [await absences(guests, who) for who in (ADA, BOB)] == [["host marked absent"]] * 2
    assert {guests.mirror.bookings[contact(who)].status for who in (ADA, BOB)} == {"Completed"}
    assert not any("follow_up" in mail.tags for who in (ADA, BOB) for mail in guests.mailer.inbox_of(who))


async def test_report_without_a_readable_mark_leaves_a_no_show_as_it_is(guests):
    unreadable = marked(ADA, uid="ns1", minute=1, no_show="perhaps")
    await post(guests, case("c21")[0], marked(ADA, uid="ns1"), unreadable)
    await guests.run()

    assert await absences(guests, ADA) == ["no-show marked", "absence reported without a mark"]
    assert guests.mirror.bookings[contact(ADA)].status == "No-Show"


async def test_absence_of_one_guest_with_a_seat_is_not_in_the_timeline_of_another(guests):
    await post(guests, *case("c17"), marked(ADA))
    await guests.run()

    assert [await absences(guests, who) for who in (ADA, BOB)] == [["no-show marked"], []]


async def test_new_host_and_link_are_in_later_reminders_and_none_is_repeated(guests):
    created, reassigned = case("c26")
    await post(guests, created, reassigned | {"createdAt": "2026-12-01T10:00:00.000Z"})
    await guests.run()

    first, *later = mails(guests, ADA)
    assert [name for name, _ in (first, *later)] == ["72h", "24h", "2h"]
    assert "with Sarah Host" in first[1]
    assert all("https://new.example.com/3" in text for _, text in later)
    assert "with Nina Newhost" in later[-1][1]


async def test_a_move_to_an_unknown_booking_stops_the_reminders_of_the_old_one(guests):
    [moved] = case("c76")
    created = {**moved, "triggerEvent": "BOOKING_CREATED", "createdAt": "2026-11-29T09:00:00.000Z"}
    created["payload"] = {**moved["payload"], "uid": "seatold", "rescheduleUid": None}
    await post(guests, created, moved)
    await guests.run()

    assert mails(guests, ADA) == []


async def test_guest_without_a_time_zone_gets_the_hour_in_the_signups_zone_or_in_utc(guests):
    for address in (ADA, BOB):
        await guests.book(address, START_MS, uid=address)
    assessment = Assessment(email=ADA, first_name="Ada", assessment_score=50, timezone="America/Vancouver")
    await guests.run(until_ms=guests.clock.now_ms() + HOUR_MS)
    await guests.sign_up(assessment)
    await guests.run()

    reminders = [mail for mail in guests.mailer.inbox_of(ADA) if "reminder" in mail.tags]
    assert all("10:00 a.m." in mail.text and "Vancouver" in mail.text for mail in reminders)
    assert all("6:00 p.m." in text and "UTC" in text for _, text in mails(guests, BOB))


async def test_end_of_a_call_of_a_type_configured_by_slug_thanks_its_guest_and_nobody_else(guests):
    booked = case("c21")[0]
    of_known = {name: value for name, value in booked["payload"].items() if name != "type"}
    of_unknown = of_known | {"uid": "unknown", "eventTypeId": 124, "attendees": [{"email": BOB}]}
    ends = [{"triggerEvent": "MEETING_ENDED", **one} for one in (of_known, of_unknown)]
    for body, at_ms in ((booked, guests.clock.now_ms()), *((ended, START_MS + HOUR_MS) for ended in ends)):
        await guests.run(until_ms=at_ms)
        await guests.receive(parse_event(body, received_ms=at_ms, types=("strategy-call",)))
    await guests.run()

    assert guests.mirror.bookings[contact(ADA)].status == "Completed"
    assert [sum("follow_up" in mail.tags for mail in guests.mailer.inbox_of(who)) for who in (ADA, BOB)] == [1, 0]
    assert await calls(guests, BOB) == []


class Listing:
    """A Cal.com list that contains `rows`."""

    def __init__(self) -> None:
        self.rows: list[ListedBooking] = []

    async def between(self, start_ms: int, end_ms: int):
        yield self.rows

    async def changed_since(self, since_ms: int):
        yield self.rows


def row(*seats: dict[str, Any], **changes: Any) -> ListedBooking:
    [known] = case("n95")
    found = read_booking({**known, "attendees": list(seats) or known["attendees"], **changes})
    assert found is not None
    return found


async def compared(simulation: Simulation, *rows: ListedBooking) -> None:
    listing = Listing()
    listing.rows = list(rows)
    await reconcile_bookings(replace(simulation.world, calendar=listing), "poll/1")
    await simulation.run(until_ms=simulation.clock.now_ms())


def test_each_seat_of_a_listed_booking_is_found_with_its_own_address_and_zone():
    assert [(seat.email, seat.first_name, seat.timezone) for seat in row().seats] == [
        (ADA, "Ada", "America/Toronto"),
        (BOB, "Bob", "Europe/Paris"),
    ]


async def test_listed_seats_without_a_webhook_are_found_and_a_seat_gone_from_the_list_is_cancelled(guests):
    [listed] = case("n95")
    await compared(guests, row())
    await guests.run(until_ms=ms("2026-12-01T10:00:00Z"))
    assert [len(mails(guests, who)) for who in (ADA, BOB)] == [1, 1]

    await compared(guests, row(listed["attendees"][0]))
    await compared(guests, row(listed["attendees"][0]))
    await guests.run(until_ms=START_MS)
    assert [len(mails(guests, who)) for who in (ADA, BOB)] == [3, 1]
    cancellations = [
        entry for entry in await timeline_of(guests.ledger, contact(BOB)) if entry.what == "call cancelled"
    ]
    assert len(cancellations) == 1


async def test_list_without_attendees_cancels_no_seat(guests):
    await post(guests, *case("c17"))
    await guests.run(until_ms=guests.clock.now_ms() + HOUR_MS)
    await compared(guests, row(uid="seat1", attendees=[]))
    await guests.run()

    assert [len(mails(guests, who)) for who in (ADA, BOB)] == [3, 3]


async def forgets(simulation: Simulation, address: str) -> None:
    contacts = simulation.ledger.contacts
    await contacts.forget(await contacts.find_traces(address), now_ms=simulation.clock.now_ms())


async def test_forgetting_one_guest_keeps_the_other_guest_and_the_events_about_both(guests, store):
    ada, bob = case("c17")
    everybody = [*ada["payload"]["attendees"], *bob["payload"]["attendees"]]
    both = cancelled(ada, "2026-11-29T10:05:00.000Z", attendees=everybody)
    await post(guests, ada, bob, both)
    await guests.run(until_ms=guests.clock.now_ms() + HOUR_MS)

    await forgets(guests, ADA)
    await guests.receive(parse_event(both, received_ms=guests.clock.now_ms(), types=()))
    await guests.run()

    kept = [event for call in await calls(guests, BOB) for event in call.events]
    assert {event.kind for event in kept} == {BookingKind.CREATED, BookingKind.CANCELLED}
    assert guests.mirror.bookings[contact(BOB)].status == "Not Booked"
    booking = booking_id("seat1")
    assert ADA not in str(await store.hgetall(keys.booking(booking)))
    assert await store.smembers(keys.seats(booking)) == {seat_id(booking, BOB).encode()}
    assert await store.hgetall(keys.guest(seat_id(booking, ADA))) == {}


@pytest.mark.parametrize("marked", [(ADA,), (ADA, BOB)], ids=["alone", "with another guest"])
async def test_no_show_mark_of_a_forgotten_guest_is_stored_without_their_address(guests, store, marked):
    ada, bob = case("c17")
    await post(guests, ada, bob)
    await guests.run(until_ms=guests.clock.now_ms() + HOUR_MS)
    await forgets(guests, ADA)
    booked = parse_event(bob, received_ms=guests.clock.now_ms(), types=())
    marks = tuple((address, True) for address in marked)
    await guests.receive(replace(booked, kind=BookingKind.NO_SHOW, email=None, first_name=None, no_shows=marks))
    await guests.receive(replace(booked, kind=BookingKind.NO_SHOW, email=ADA, is_seated=False, no_shows=marks))

    kept = (await store.hgetall(keys.booking(booking_id("seat1")))).values()
    assert ADA not in str(kept)
    assert (BOB in marked) == any("no_show" in str(event) for event in kept)


async def test_forgetting_one_guest_ends_the_reminders_of_that_guest_only(guests):
    await post(guests, *case("c17"))
    await guests.run(until_ms=guests.clock.now_ms() + HOUR_MS)
    await forgets(guests, ADA)
    await guests.run()

    assert [len(mails(guests, who)) for who in (ADA, BOB)] == [0, 3]


async def test_forgetting_the_only_guest_with_a_seat_leaves_nothing_of_the_booking(guests, store):
    await post(guests, case("c17")[0])
    await guests.run(until_ms=guests.clock.now_ms() + HOUR_MS)
    await forgets(guests, ADA)
    await guests.run()

    assert mails(guests, ADA) == []
    assert [key for key in await store.keys("*") if b"guest:" in key or b"seats:" in key or b"booking:" in key] == []


@pytest.mark.parametrize("first", ["ada", "bob"])
async def test_team_marks_each_seat_of_a_call_separately(guests, first):
    await post(guests, *case("c17"))
    await guests.run(until_ms=START_MS + 2 * DAY_MS)
    marks = {ADA: "completed", BOB: "no-show"}

    for who in sorted(marks, key=lambda address: not address.startswith(first)):
        [call] = [one for one in await guests.ledger.unmarked_calls.read_all() if one.booking.email == who]
        await guests.receive(call.marked(marks[who], now_ms=guests.clock.now_ms()))
        await guests.run(until_ms=guests.clock.now_ms() + HOUR_MS)

    assert {who: guests.mirror.bookings[contact(who)].status for who in marks} == {ADA: "Completed", BOB: "No-Show"}
