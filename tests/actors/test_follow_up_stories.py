"""What Boris gets after a call: the right mail once, or none with the reason. Real actors and scripts."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest
import redis.asyncio

from common.campaigns.campaign import Campaign, campaign_of
from common.campaigns.compiled import FollowUp, SendingWindow, Span
from common.clock import VirtualClock
from common.domain.booking import BookingEvent, BookingKind
from common.domain.cadence import Pace
from common.domain.delivery import Trigger
from common.domain.ids import address_hash, booking_id, enrollment_id, follow_up_delivery_id, seat_id
from common.health_checks import Level, check_health
from common.ledger.reads.store_stats import read_store_stats
from common.settings.settings import Settings
from services.simulation.engine import MEETING_MS, Simulation
from tests.ledger_reads import record_of, timeline_of

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
BORIS, HOST = "boris@example.org", "host@example.com"
WHO = enrollment_id("christmas_2025", BORIS)
BACK = FollowUp(
    name="come-back",
    on=Trigger.CANCELLED,
    after=Span(production_ms=48 * HOUR_MS, testing_ms=60_000),
    body="follow_ups/missed.md",
)


@pytest.fixture
def following(campaign: Campaign) -> Campaign:
    """The Christmas campaign with one more mail, two days after a cancellation."""
    return campaign_of(replace(campaign.compiled, follow_ups=(*campaign.follow_ups, BACK)))


@pytest.fixture
def simulation(store: redis.asyncio.Redis, following: Campaign, clock: VirtualClock) -> Simulation:
    return build_simulation(store, following, clock)


def build_simulation(
    store: redis.asyncio.Redis, campaign: Campaign, clock: VirtualClock, **settings: object
) -> Simulation:
    given = {"secret_key": "k" * 32, "sandboxed": frozenset({"resend", "notion"})}
    return Simulation(store, campaign, Settings(**given | settings), clock=clock)


@pytest.fixture
def start_ms(clock: VirtualClock) -> int:
    return clock.now_ms() + 4 * DAY_MS


@pytest.fixture
def end_ms(start_ms: int) -> int:
    return start_ms + MEETING_MS


def follow_ups(simulation: Simulation, address: str = BORIS) -> list[tuple[int, str]]:
    """Return (time in ms, name) of each follow-up that arrived."""
    return [
        (ms, mail.tags["follow_up"])
        for ms, mail in simulation.mailer.accepted_mails
        if mail.to == address and "follow_up" in mail.tags
    ]


async def reason(simulation: Simulation, on: str, name: str, uid: str = "A") -> str:
    """Return why a follow-up was not sent; the ledger and the timeline must agree."""
    record = await record_of(simulation.ledger, follow_up_delivery_id(booking_id(uid), on=on, name=name))
    assert record is not None
    assert record.status == "skipped"
    lines = [(entry.what, entry.detail) for entry in await timeline_of(simulation.ledger, WHO)]
    assert (f"follow-up {name} skipped", record.detail) in lines
    return record.detail


async def mark(simulation: Simulation, *marks: tuple[str, bool], uid: str = "A") -> None:
    await simulation.change_booking(BookingKind.NO_SHOW, uid, no_shows=marks)


async def met(simulation: Simulation, start_ms: int, *, uid: str = "A", **fields: object) -> None:
    """Book a call, run until its end, and report that it ended."""
    await simulation.book(BORIS, start_ms, uid=uid, first_name="Boris", organizer_email=HOST, **fields)
    await simulation.run(until_ms=start_ms + MEETING_MS)
    await simulation.change_booking(BookingKind.ENDED, uid, start_ms=start_ms)


async def test_contact_is_thanked_once_two_hours_after_a_call_without_a_no_show_mark(simulation, start_ms, end_ms):
    await met(simulation, start_ms)
    await simulation.run()

    assert [(end_ms + 2 * HOUR_MS, "after-call")] == follow_ups(simulation)
    [mail] = [mail for mail in simulation.mailer.inbox_of(BORIS) if "follow_up" in mail.tags]
    assert mail.subject.startswith("Thank you for our call")
    assert mail.headers["List-Unsubscribe"].strip("<>") in mail.text
    assert f"christmas_2025/{booking_id('A')}/completed/after-call" in simulation.mailer.accepted_by_key
    assert "follow-up after-call accepted" in [entry.what for entry in await timeline_of(simulation.ledger, WHO)]


async def test_missed_call_is_followed_up_two_hours_after_the_mark(simulation, start_ms, end_ms):
    await met(simulation, start_ms)
    await simulation.run(until_ms=end_ms + HOUR_MS)
    await mark(simulation, (BORIS, True))
    await simulation.run()

    assert [(end_ms + 3 * HOUR_MS, "missed")] == follow_ups(simulation)
    assert await reason(simulation, "completed", "after-call") == "no-show"
    [mail] = [mail for mail in simulation.mailer.inbox_of(BORIS) if "follow_up" in mail.tags]
    assert simulation.world.settings.identity.booking_url in mail.text


async def test_no_show_mark_taken_back_in_time_cancels_its_mail_and_sends_thanks(simulation, start_ms, end_ms):
    await met(simulation, start_ms)
    await simulation.run(until_ms=end_ms + HOUR_MS)
    await mark(simulation, (BORIS, True))
    await simulation.run(until_ms=end_ms + HOUR_MS + HOUR_MS // 2)
    await mark(simulation, (BORIS, False))
    await simulation.run()

    assert await reason(simulation, "no_show", "missed") == "the mark was taken back"
    assert [(end_ms + 2 * HOUR_MS, "after-call")] == follow_ups(simulation)


async def test_no_show_mark_set_again_counts_from_the_last_time(simulation, start_ms, end_ms):
    await met(simulation, start_ms)
    for after_ms, is_absent in ((0, True), (HOUR_MS, False), (HOUR_MS + 1, True)):
        await simulation.run(until_ms=end_ms + after_ms)
        await mark(simulation, (BORIS, is_absent))
    await simulation.run()

    assert [(end_ms + 3 * HOUR_MS + 1, "missed")] == follow_ups(simulation)


async def test_host_marked_absent_sends_no_follow_up(simulation, start_ms):
    await met(simulation, start_ms)
    await mark(simulation, (HOST, True))
    await simulation.run()

    assert follow_ups(simulation) == []
    assert await reason(simulation, "completed", "after-call") == "somebody was marked absent"


async def test_no_show_mark_after_the_thanks_sends_nothing(simulation, start_ms, end_ms):
    await met(simulation, start_ms)
    await simulation.run(until_ms=end_ms + 5 * HOUR_MS)
    await mark(simulation, (BORIS, True))
    await simulation.run()

    assert [name for _, name in follow_ups(simulation)] == ["after-call"]
    assert await reason(simulation, "no_show", "missed") == "another follow-up of this call was sent"


async def test_no_show_mark_after_a_cancellation_sends_no_missed_call_mail(simulation, start_ms):
    await simulation.book(BORIS, start_ms, uid="A")
    await simulation.run(until_ms=start_ms - HOUR_MS)
    await simulation.cancel("A")
    await mark(simulation, (BORIS, True))
    await simulation.run()

    assert [name for _, name in follow_ups(simulation)] == ["come-back"]
    assert await reason(simulation, "no_show", "missed") == "cancelled"


async def test_cancelled_call_is_followed_up_after_two_days_without_a_new_booking(simulation, start_ms):
    await simulation.book(BORIS, start_ms, uid="A")
    await simulation.run(until_ms=start_ms - DAY_MS)
    await simulation.cancel("A")
    await simulation.run()

    assert [(start_ms + DAY_MS, "come-back")] == follow_ups(simulation)


@pytest.mark.parametrize("is_cancelled_later", [False, True])
async def test_cancellation_by_which_the_host_asks_for_another_time_is_not_followed_up(
    simulation, start_ms, is_cancelled_later
):
    await simulation.book(BORIS, start_ms, uid="A")
    await simulation.run(until_ms=start_ms - 4 * DAY_MS)
    await simulation.cancel("A", request_reschedule=True)
    await simulation.run(until_ms=start_ms - 3 * DAY_MS)
    if is_cancelled_later:
        await simulation.cancel("A")
    await simulation.run()

    if is_cancelled_later:
        assert [name for _, name in follow_ups(simulation)] == ["come-back"]
    else:
        assert follow_ups(simulation) == []
        assert await reason(simulation, "cancelled", "come-back") == "the host asks for another time"


@pytest.mark.parametrize("takes_place", [True, False])
async def test_new_booking_cancels_the_follow_up_of_a_cancelled_call(simulation, start_ms, takes_place):
    await simulation.book(BORIS, start_ms, uid="A")
    await simulation.run(until_ms=start_ms - DAY_MS)
    await simulation.cancel("A")
    await simulation.book(BORIS, start_ms - HOUR_MS if takes_place else start_ms + 5 * DAY_MS, uid="B")
    await simulation.run()

    assert await reason(simulation, "cancelled", "come-back") == "booked again"
    assert follow_ups(simulation) == []


async def test_new_booking_cancels_the_follow_up_of_a_missed_call(simulation, start_ms, end_ms):
    await met(simulation, start_ms)
    await mark(simulation, (BORIS, True))
    await simulation.book(BORIS, start_ms + 5 * DAY_MS, uid="B")
    await simulation.run()

    assert follow_ups(simulation) == []
    assert await reason(simulation, "no_show", "missed") == "booked again"


async def test_a_call_that_was_moved_after_the_mark_is_not_followed_up(simulation, start_ms, end_ms):
    await met(simulation, start_ms)
    await mark(simulation, (BORIS, True))
    await simulation.run(until_ms=end_ms + HOUR_MS)
    await simulation.reschedule("A", to="B", address=BORIS, start_ms=start_ms + 2 * DAY_MS)
    await simulation.run()

    assert follow_ups(simulation) == []
    assert await reason(simulation, "no_show", "missed") == "moved"


async def test_a_chain_of_moved_bookings_is_followed_up_once(simulation, start_ms, end_ms):
    await met(simulation, start_ms)
    await mark(simulation, (BORIS, True))
    await simulation.run(until_ms=end_ms + DAY_MS)
    later_ms = start_ms + 5 * DAY_MS
    await simulation.reschedule("A", to="B", address=BORIS, start_ms=later_ms)
    await simulation.run(until_ms=later_ms + MEETING_MS)
    await mark(simulation, (BORIS, True), uid="B")
    await simulation.run()

    assert [(end_ms + 2 * HOUR_MS, "missed")] == follow_ups(simulation)
    assert await reason(simulation, "no_show", "missed", "B") == "another follow-up of this call was sent"


async def test_unsubscribed_contact_gets_no_follow_up(simulation, boris, start_ms, end_ms):
    await simulation.sign_up(boris)
    await met(simulation, start_ms)
    hashed = address_hash("k" * 32, BORIS)
    await simulation.ledger.enrollments.unsubscribe(WHO, address_hash=hashed, now_ms=simulation.clock.now_ms())
    await simulation.run()

    assert follow_ups(simulation) == []
    assert await reason(simulation, "completed", "after-call") == "unsubscribed"


async def test_contact_who_left_only_this_campaign_gets_no_follow_up(simulation, boris, start_ms):
    await simulation.sign_up(boris)
    await met(simulation, start_ms)
    await simulation.ledger.enrollments.unsubscribe(WHO, address_hash=None, now_ms=simulation.clock.now_ms())
    await simulation.run()

    assert follow_ups(simulation) == []
    assert await reason(simulation, "completed", "after-call") == "left"


async def test_a_follow_up_waits_for_the_sending_window(store, campaign, clock):
    window = SendingWindow(opens_minute=9 * 60, closes_minute=10 * 60, weekdays=tuple(range(7)))
    simulation = build_simulation(store, campaign_of(replace(campaign.compiled, sending_window=window)), clock)
    start_ms = (clock.now_ms() // DAY_MS + 4) * DAY_MS + 20 * HOUR_MS
    await met(simulation, start_ms, timezone="UTC")
    await simulation.run()

    [(ms, name)] = follow_ups(simulation)
    assert (name, ms % DAY_MS) == ("after-call", 9 * HOUR_MS)


async def test_testing_mode_and_speed_shorten_follow_up_times(store, campaign, clock):
    simulation = build_simulation(store, campaign, clock, testing_mode=True, campaign_speed=10.0)
    start_ms = clock.now_ms() + 60_000
    await met(simulation, start_ms)
    await simulation.run()

    assert [(start_ms + MEETING_MS + 6_000, "after-call")] == follow_ups(simulation)


async def test_call_end_reported_a_day_late_sends_no_thanks(simulation, start_ms, end_ms):
    await simulation.book(BORIS, start_ms, uid="A")
    await simulation.run(until_ms=end_ms + DAY_MS)
    await simulation.change_booking(BookingKind.ENDED, "A", start_ms=start_ms)
    await simulation.run()

    assert follow_ups(simulation) == []
    assert await reason(simulation, "completed", "after-call") == "its hour had passed"


async def unmarked(simulation: Simulation) -> list[str]:
    """Return the address of each unmarked call; check that the health check counts the same calls."""
    stats = await read_store_stats(simulation.ledger, now_ms=simulation.clock.now_ms())
    listed = await simulation.ledger.unmarked_calls.read_all()
    [found] = [finding for finding in check_health(stats) if finding.name == "unmarked"]
    assert (len(listed), bool(listed)) == (stats.unmarked_calls, found.level is Level.NEEDS_PERSON)
    return [call.booking.email for call in listed if call.booking.email]


async def test_call_without_a_reported_end_becomes_a_task_for_the_team_and_sends_no_mail(simulation, start_ms, end_ms):
    await simulation.book(BORIS, start_ms, uid="A")
    await simulation.run(until_ms=end_ms + DAY_MS - 1)
    assert (simulation.mirror.bookings[WHO].status, await unmarked(simulation)) == ("Booked", [])

    await simulation.run(until_ms=end_ms + DAY_MS + 1_000)
    assert (simulation.mirror.bookings[WHO].status, await unmarked(simulation)) == ("Unmarked", [BORIS])
    await simulation.run()
    assert follow_ups(simulation) == []


async def test_call_without_an_address_is_not_listed_as_unmarked(simulation, start_ms, end_ms):
    await simulation.change_booking(BookingKind.CREATED, "A", start_ms=start_ms, end_ms=end_ms)
    await simulation.run(until_ms=end_ms + 3 * DAY_MS)

    assert await simulation.ledger.unmarked_calls.read_all() == []


@pytest.mark.parametrize(
    ("mark", "status", "mails"), [("no-show", "No-Show", ["missed"]), ("completed", "Completed", [])]
)
async def test_team_marks_how_an_unmarked_call_went(simulation, start_ms, mark, status, mails):
    await simulation.book(BORIS, start_ms, uid="A")
    await simulation.run()
    [call] = await simulation.ledger.unmarked_calls.read_all()
    await simulation.receive(call.marked(mark, now_ms=simulation.clock.now_ms()))
    await simulation.run()

    assert (simulation.mirror.bookings[WHO].status, await unmarked(simulation)) == (status, [])
    assert [name for _, name in follow_ups(simulation)] == mails


@pytest.mark.parametrize(
    ("reported", "status", "mails"),
    [
        ({"kind": BookingKind.NO_SHOW, "no_shows": ((BORIS, True),)}, "No-Show", ["missed"]),
        ({"kind": BookingKind.NO_SHOW, "no_shows": ((BORIS, False),)}, "Completed", []),
        ({"kind": BookingKind.NO_SHOW, "no_shows": ((HOST, True),)}, "Unmarked", []),
        ({"kind": BookingKind.ENDED}, "Completed", []),
        ({"kind": BookingKind.CANCELLED}, "Not Booked", ["come-back"]),
    ],
    ids=["absent", "not absent after all", "the host absent", "ended", "cancelled"],
)
async def test_later_calcom_report_decides_the_status_of_an_unmarked_call(
    simulation, start_ms, reported, status, mails
):
    await simulation.book(BORIS, start_ms, uid="A", organizer_email=HOST)
    await simulation.run()
    await simulation.change_booking(reported["kind"], "A", **{"no_shows": reported.get("no_shows", ())})
    await simulation.run()

    assert simulation.mirror.bookings[WHO].status == status
    assert await unmarked(simulation) == ([BORIS] if status == "Unmarked" else [])
    assert [name for _, name in follow_ups(simulation)] == mails


@pytest.mark.parametrize("end_is_known", [True, False])
async def test_moved_call_becomes_unmarked_after_its_new_time_only(simulation, start_ms, end_is_known):
    later_ms = start_ms + 5 * DAY_MS
    fields = {} if end_is_known else {"end_ms": None}
    await simulation.book(BORIS, start_ms, uid="A", **fields)
    await simulation.reschedule("A", to="B", address=BORIS, start_ms=later_ms, **fields)
    end_ms = later_ms + (MEETING_MS if end_is_known else HOUR_MS)
    await simulation.run(until_ms=end_ms + DAY_MS - 1)
    assert (simulation.mirror.bookings[WHO].status, await unmarked(simulation)) == ("Booked", [])

    await simulation.run()
    assert (simulation.mirror.bookings[WHO].status, await unmarked(simulation)) == ("Unmarked", [BORIS])


async def test_forgotten_contact_leaves_no_unmarked_call(simulation, start_ms):
    await simulation.book(BORIS, start_ms, uid="A")
    await simulation.run()
    assert await unmarked(simulation) == [BORIS]
    await simulation.ledger.contacts.forget(
        await simulation.ledger.contacts.find_traces(BORIS), now_ms=simulation.clock.now_ms()
    )

    assert await unmarked(simulation) == []


async def test_guests_of_a_call_with_seats_are_followed_up_separately(simulation, start_ms, end_ms):
    both = {"is_seated": True, "others": ()}
    await simulation.book(BORIS, start_ms, uid="A", **both)
    await simulation.book("ada@example.org", start_ms, uid="A", **both)
    await simulation.run(until_ms=end_ms)
    await simulation.change_booking(BookingKind.ENDED, "A", start_ms=start_ms)
    await mark(simulation, (BORIS, True))
    await simulation.run()

    assert [name for _, name in follow_ups(simulation)] == ["missed"]
    assert [name for _, name in follow_ups(simulation, "ada@example.org")] == ["after-call"]


async def test_seat_given_up_a_second_time_is_followed_up(simulation, start_ms):
    seat = {"is_seated": True, "others": ()}
    await simulation.book(BORIS, start_ms, uid="A", **seat)
    await simulation.run(until_ms=start_ms - 3 * DAY_MS)
    await simulation.cancel("A", email=BORIS, **seat)
    await simulation.run(until_ms=start_ms - 3 * DAY_MS + HOUR_MS)
    await simulation.book(BORIS, start_ms, uid="A", **seat)
    await simulation.run(until_ms=start_ms - 2 * DAY_MS)
    delivery_id = follow_up_delivery_id(seat_id(booking_id("A"), BORIS), on="cancelled", name="come-back")
    record = await record_of(simulation.ledger, delivery_id)
    assert record is not None
    assert (record.status, record.detail) == ("skipped", "booked")

    await simulation.cancel("A", email=BORIS, **seat)
    await simulation.run()

    assert [(start_ms, "come-back")] == follow_ups(simulation)


async def test_a_follow_up_that_another_version_removed_is_skipped(store, following, campaign, clock):
    simulation = build_simulation(store, following, clock)
    start_ms = clock.now_ms() + 4 * DAY_MS
    await simulation.book(BORIS, start_ms, uid="A")
    await simulation.run(until_ms=start_ms - DAY_MS)
    await simulation.cancel("A")
    await simulation.run(until_ms=start_ms)
    simulation.world.campaigns.replace(campaign)
    await simulation.run()

    assert follow_ups(simulation) == []
    assert "removed" in await reason(simulation, "cancelled", "come-back")


async def test_same_follow_up_is_sent_in_every_order_of_events(store, following, clock):
    start_ms = clock.now_ms() - HOUR_MS
    booked = BookingEvent(
        kind=BookingKind.CREATED,
        uid="A",
        event_ms=start_ms - DAY_MS,
        received_ms=clock.now_ms(),
        start_ms=start_ms,
        end_ms=start_ms + MEETING_MS,
        email=BORIS,
    )
    ended = replace(booked, kind=BookingKind.ENDED, event_ms=booked.end_ms)
    marks = [
        replace(booked, kind=BookingKind.NO_SHOW, event_ms=booked.end_ms + n, no_shows=((BORIS, n != 1),))
        for n in range(3)
    ]
    sent = set()
    for order in permutations([booked, ended, *marks]):
        await store.flushall()
        simulation = build_simulation(store, following, VirtualClock(clock.now_ms()))
        for event in (*order, order[0]):
            await simulation.receive(event)
            await simulation.run(until_ms=simulation.clock.now_ms())
        await simulation.run()
        sent.add(tuple(follow_ups(simulation)))

    assert {((clock.now_ms() + 2 * HOUR_MS, "missed"),)} == sent


def test_packaged_campaign_has_two_follow_ups_in_both_languages(campaign):
    assert [(one.name, one.on) for one in campaign.follow_ups] == [
        ("missed", Trigger.NO_SHOW),
        ("after-call", Trigger.COMPLETED),
    ]
    assert {2 * HOUR_MS} == {one.after.at(Pace()) for one in campaign.follow_ups}
    for texts in campaign.compiled.languages.values():
        assert {"follow_ups/missed.md", "follow_ups/after-call.md"} <= {*texts.bodies}
