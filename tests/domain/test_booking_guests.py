"""Each attendee with a seat has their own booking, in whatever order Cal.com reports."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest

from common.domain.booking import Attendee, BookingEvent, BookingKind
from common.domain.ids import booking_id, booking_of, seat_id
from common.domain.reminders import ReminderRules, reminders_of
from common.domain.series import Booking, BookingState, resolve

HOUR_MS = 3_600_000
NOW_MS = 1_796_000_000_000
START_MS = NOW_MS + 240 * HOUR_MS
ADA, BOB = "ada@example.com", "bob@example.com"
SEATS = (Attendee(ADA, "Ada", "America/Toronto"), Attendee(BOB, "Bob", "Europe/Paris"))


def event(kind: BookingKind, *named: Attendee, uid: str = "A", at_ms: int = 0, **reported: Any) -> BookingEvent:
    first = named[0] if named else None
    known: dict[str, Any] = {
        "start_ms": START_MS,
        "end_ms": START_MS + HOUR_MS,
        "is_seated": True,
        "email": first.email if first else None,
        "first_name": first.first_name if first else None,
        "timezone": first.timezone if first else None,
        "others": named[1:],
    }
    now_ms = NOW_MS + at_ms
    return BookingEvent(kind=kind, uid=uid, event_ms=now_ms, received_ms=now_ms, **known | reported)


ADA_BOOKS = event(BookingKind.CREATED, SEATS[0])
BOB_BOOKS = event(BookingKind.CREATED, SEATS[1], at_ms=1)


def states(*events: BookingEvent) -> dict[tuple[str, str | None], BookingState]:
    return {(one.uid, one.email): one.state for one in resolve(events)}


def booking_at(uid: str, email: str, *events: BookingEvent) -> Booking:
    [found] = [one for one in resolve(events) if (one.uid, one.email) == (uid, email)]
    return found


def test_each_seat_of_a_booking_has_its_own_name_time_zone_and_id():
    ada, bob = (booking_at("A", address, ADA_BOOKS, BOB_BOOKS) for address in (ADA, BOB))

    assert [(one.first_name, one.timezone) for one in (ada, bob)] == [
        ("Ada", "America/Toronto"),
        ("Bob", "Europe/Paris"),
    ]
    assert [one.id for one in (ada, bob)] == [seat_id(booking_id("A"), address) for address in (ADA, BOB)]
    assert {booking_of(one.id) for one in (ada, bob)} == {booking_id("A")}


def test_first_attendee_without_seats_is_the_only_guest_and_has_the_bookings_id():
    alone = replace(ADA_BOOKS, is_seated=False, others=(SEATS[1],))

    assert [(one.id, one.email) for one in resolve([alone])] == [(booking_id("A"), ADA)]


def test_guest_stored_under_the_bookings_id_keeps_it_when_seats_become_known():
    before = replace(ADA_BOOKS, is_seated=False)
    found = resolve([before, BOB_BOOKS], {booking_id("A"): ADA})

    assert {one.email: one.id for one in found} == {ADA: booking_id("A"), BOB: seat_id(booking_id("A"), BOB)}


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ((SEATS[1],), [BookingState.BOOKED, BookingState.CANCELLED]),
        (SEATS, [BookingState.CANCELLED, BookingState.CANCELLED]),
        ((), [BookingState.CANCELLED, BookingState.CANCELLED]),
    ],
    ids=["one", "both", "nobody"],
)
@pytest.mark.parametrize("is_seated", [True, False])
def test_cancellation_covers_the_guests_it_names_or_all_if_it_names_none(named, expected, is_seated):
    cancelled = event(BookingKind.CANCELLED, *named, at_ms=9, is_seated=is_seated)

    found = states(ADA_BOOKS, BOB_BOOKS, cancelled)
    assert [found["A", address] for address in (ADA, BOB)] == expected


def test_moved_seat_does_not_move_the_others():
    moved = event(BookingKind.RESCHEDULED, SEATS[0], uid="B", at_ms=5, reschedule_uid="A", start_ms=START_MS + HOUR_MS)

    assert states(ADA_BOOKS, BOB_BOOKS, moved) == {
        ("A", ADA): BookingState.MOVED,
        ("A", BOB): BookingState.BOOKED,
        ("B", ADA): BookingState.BOOKED,
    }


def test_seat_given_up_by_a_move_can_be_booked_again():
    moved = event(BookingKind.RESCHEDULED, SEATS[0], uid="B", at_ms=5, reschedule_uid="A")
    again = replace(ADA_BOOKS, event_ms=NOW_MS + 9)

    assert states(ADA_BOOKS, moved)["A", ADA] is BookingState.MOVED
    assert states(ADA_BOOKS, moved, again)["A", ADA] is BookingState.BOOKED


def test_move_to_an_unknown_booking_ends_the_old_seat_even_if_that_is_reported_later():
    lost = event(BookingKind.LOST_MOVE, SEATS[0], at_ms=5, start_ms=START_MS + 7 * HOUR_MS)

    assert states(lost) == {}
    assert states(lost, ADA_BOOKS, BOB_BOOKS) == {("A", ADA): BookingState.MOVED, ("A", BOB): BookingState.BOOKED}
    assert booking_at("A", ADA, lost, ADA_BOOKS).starts_ms == (START_MS,)


def test_recurring_calls_that_share_an_ical_uid_are_separate_and_only_a_reschedule_supersedes():
    weekly = [
        replace(ADA_BOOKS, uid=f"W{week}", ical_uid="weekly@Cal.com", sequence=0, is_seated=False) for week in range(3)
    ]
    moved = replace(weekly[1], kind=BookingKind.RESCHEDULED, uid="W9", reschedule_uid="W1", sequence=1)

    assert set(states(*weekly).values()) == {BookingState.BOOKED}
    assert {uid for (uid, _), state in states(*weekly, moved).items() if state is BookingState.MOVED} == {"W1"}


@pytest.mark.parametrize("kind", [BookingKind.REASSIGNED, BookingKind.RELOCATED])
def test_new_host_or_place_applies_to_every_guest_and_an_older_event_changes_nothing(kind):
    first = [
        replace(one, organizer="Sarah Host", join_url="https://one.example/a", sequence=1)
        for one in (ADA_BOOKS, BOB_BOOKS)
    ]
    change = event(kind, SEATS[0], at_ms=60, organizer="Nina", join_url="https://two.example/b")

    for order in permutations([*first, change]):
        for address in (ADA, BOB):
            found = booking_at("A", address, *order)
            assert (found.organizer, found.join_url) == ("Nina", "https://two.example/b")
    older = replace(change, event_ms=NOW_MS - 1)
    assert booking_at("A", ADA, *first, older).organizer == "Sarah Host"


def test_new_place_without_a_link_removes_the_old_link():
    before = replace(ADA_BOOKS, join_url="https://one.example/a")

    assert booking_at("A", ADA, before, event(BookingKind.RELOCATED, at_ms=60)).join_url is None
    assert booking_at("A", ADA, before, event(BookingKind.REASSIGNED, at_ms=60)).join_url == "https://one.example/a"


def test_call_given_to_another_host_under_a_new_uid_is_not_at_short_notice():
    rules = ReminderRules(before_ms=(("24h", 24 * HOUR_MS), ("2h", 2 * HOUR_MS)), minimum_notice_ms=6 * HOUR_MS)
    late_ms = START_MS - NOW_MS - 3 * HOUR_MS
    reassigned = event(BookingKind.REASSIGNED, SEATS[0], uid="B", at_ms=late_ms, is_seated=False)

    [booking] = resolve([reassigned])
    assert [one.skip_reason for one in reminders_of(booking, rules)] == ["its hour had passed", None]
    [created] = resolve([replace(reassigned, kind=BookingKind.CREATED)])
    assert [one.skip_reason for one in reminders_of(created, rules)] == ["short notice", "short notice"]


def test_no_show_mark_affects_only_the_guest_it_names():
    ended = event(BookingKind.ENDED, at_ms=400 * HOUR_MS)
    mark = event(BookingKind.NO_SHOW, at_ms=401 * HOUR_MS, no_shows=((BOB, True),))
    host = replace(mark, no_shows=(("host@example.com", True),), email="host@example.com")

    assert states(ADA_BOOKS, BOB_BOOKS, ended, mark, host) == {
        ("A", ADA): BookingState.COMPLETED,
        ("A", BOB): BookingState.NO_SHOW,
    }


def test_both_guests_end_in_the_same_state_in_every_order_with_repetitions():
    events = [
        ADA_BOOKS,
        BOB_BOOKS,
        event(BookingKind.RESCHEDULED, SEATS[0], uid="B", at_ms=10, reschedule_uid="A", start_ms=START_MS + HOUR_MS),
        event(BookingKind.REASSIGNED, SEATS[0], uid="B", at_ms=20, organizer="Nina"),
        event(BookingKind.CANCELLED, SEATS[1], at_ms=30),
    ]
    expected = resolve(events)
    assert {(one.uid, one.email): (one.state, one.organizer) for one in expected} == {
        ("A", ADA): (BookingState.MOVED, None),
        ("B", ADA): (BookingState.BOOKED, "Nina"),
        ("A", BOB): (BookingState.CANCELLED, None),
    }

    chance = random.Random(7)
    for order in permutations(events):
        assert resolve([*order, *chance.sample(events, 2)]) == expected


def test_event_about_several_guests_survives_json_and_loses_only_a_removed_guest():
    both = event(BookingKind.CANCELLED, *SEATS, organizer_email="host@example.com")

    assert BookingEvent.from_json(both.to_json()) == both
    assert both.without(ADA).attendees == (SEATS[1],)
    assert both.without(ADA).without(BOB) is None
    assert ADA not in both.about(BOB).to_json()
