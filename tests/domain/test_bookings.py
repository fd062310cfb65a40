"""The state of Boris's call, in whatever order Cal.com reports it."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from common.domain.booking import BookingEvent, BookingKind
from common.domain.ids import booking_id
from common.domain.series import Booking, BookingState, newest, resolve

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
NOW_MS = 1_764_000_000_000
START_MS = NOW_MS + 10 * DAY_MS
BORIS = "boris@example.org"


def event(kind: BookingKind, uid: str, *, at_ms: int = 0, **reported) -> BookingEvent:
    reported = {"email": BORIS, "start_ms": START_MS, "end_ms": START_MS + HOUR_MS, **reported}
    return BookingEvent(kind=kind, uid=uid, event_ms=NOW_MS + at_ms, received_ms=NOW_MS + at_ms, **reported)


CREATED = event(BookingKind.CREATED, "A", ical_uid="A@Cal.com", sequence=0)
MOVED = event(
    BookingKind.RESCHEDULED,
    "B",
    at_ms=1_000,
    reschedule_uid="A",
    ical_uid="A@Cal.com",
    sequence=1,
    start_ms=START_MS + DAY_MS,
)
MOVED_AGAIN = event(
    BookingKind.RESCHEDULED,
    "C",
    at_ms=2_000,
    reschedule_uid="B",
    ical_uid="A@Cal.com",
    sequence=2,
    start_ms=START_MS + 2 * DAY_MS,
)
CANCELLED = event(
    BookingKind.CANCELLED, "C", at_ms=3_000, ical_uid="A@Cal.com", sequence=3, start_ms=START_MS + 2 * DAY_MS
)


def stands(*events: BookingEvent) -> dict[str, BookingState]:
    return {booking.uid: booking.state for booking in resolve(events)}


def current(*events: BookingEvent) -> Booking:
    (found,) = [booking for booking in resolve(events) if booking.state is not BookingState.MOVED]
    return found


def without(event: BookingEvent, *names: str) -> BookingEvent:
    return replace(event, **dict.fromkeys(names))


@pytest.mark.parametrize("missing", [(), ("ical_uid",), ("sequence",), ("ical_uid", "sequence")])
def test_bookings_end_in_the_same_state_in_every_order_with_repetitions(missing):
    events = [without(reported, *missing) for reported in (CREATED, MOVED, MOVED_AGAIN, CANCELLED)]

    for order in permutations([*events, events[0], events[2]]):
        assert stands(*order) == {"A": BookingState.MOVED, "B": BookingState.MOVED, "C": BookingState.CANCELLED}


@pytest.mark.parametrize("missing", [(), ("ical_uid",), ("sequence",), ("ical_uid", "sequence")])
def test_moved_call_keeps_its_calendar_uid_with_a_higher_sequence(missing):
    events = [without(reported, *missing) for reported in (CREATED, MOVED, MOVED_AGAIN)]

    for moves in (0, 1, 2):
        for order in permutations([*events[: moves + 1], events[0], events[moves]]):
            found = current(*order)
            assert ("A@Cal.com", moves) == (found.ical_uid, found.sequence)
            assert found.start_ms == START_MS + moves * DAY_MS


reported = st.builds(
    event,
    st.sampled_from([kind for kind in BookingKind if kind is not BookingKind.LOST_MOVE]),
    st.sampled_from("ABC"),
    at_ms=st.integers(0, 3),
    reschedule_uid=st.sampled_from((None, "A", "B", "C")),
    sequence=st.sampled_from((None, 0, 1, 2)),
    email=st.sampled_from((None, BORIS, "ada@example.org")),
    start_ms=st.sampled_from((None, START_MS, START_MS + DAY_MS)),
    no_shows=st.sampled_from(((), ((BORIS, True),), ((BORIS, False),))),
)


@given(st.lists(reported, max_size=8), st.randoms(use_true_random=False))
@example(
    [
        event(BookingKind.REQUESTED, "B", at_ms=1, start_ms=START_MS),
        event(BookingKind.CANCELLED, "A", at_ms=0, start_ms=START_MS),
    ],
    Random(7),
)
def test_events_in_any_order_and_number_resolve_alike_with_one_current_booking(events, random):
    shuffled = [*events, *events[:3]]
    random.shuffle(shuffled)

    assert resolve(events) == resolve(shuffled)
    bookings = {booking.uid: booking for booking in resolve(events)}
    has_handover = any(booking.was_reassigned for booking in bookings.values())
    for chain in chains(events, bookings):
        count = sum(bookings[uid].state is not BookingState.MOVED for uid in chain)
        assert count == 1 or (count == 0 and has_handover)


def chains(events, uids) -> list[set[str]]:
    """Return the sets of uids that `reschedule_uid` joins through known bookings."""
    found = [{uid} for uid in uids]
    for one in events:
        if {one.uid, one.reschedule_uid} <= uids.keys():
            joined = [chain for chain in found if chain & {one.uid, one.reschedule_uid}]
            found = [chain for chain in found if chain not in joined] + [set().union(*joined)]
    return found


def test_reschedule_supersedes_its_booking_even_if_that_is_cancelled_later():
    late = event(BookingKind.CANCELLED, "A", at_ms=9_000, sequence=9, ical_uid="A@Cal.com")

    assert stands(CREATED, MOVED, late) == {"A": BookingState.MOVED, "B": BookingState.BOOKED}


def test_unconfirmed_move_supersedes_too_and_is_booked_when_confirmed():
    asked = replace(MOVED, kind=BookingKind.REQUESTED)
    confirmed = event(BookingKind.CREATED, "B", at_ms=2_000, ical_uid="A@Cal.com", start_ms=START_MS + DAY_MS)

    assert stands(CREATED, asked) == {"A": BookingState.MOVED, "B": BookingState.AWAITING}
    assert stands(confirmed, asked, CREATED) == {"A": BookingState.MOVED, "B": BookingState.BOOKED}


def test_later_of_two_moves_of_one_booking_is_current():
    other = event(BookingKind.RESCHEDULED, "D", at_ms=1_500, reschedule_uid="A")

    assert stands(CREATED, without(MOVED, "sequence"), other) == {
        "A": BookingState.MOVED,
        "B": BookingState.MOVED,
        "D": BookingState.BOOKED,
    }


def test_bookings_that_supersede_each_other_in_a_circle_have_one_current_booking():
    first, second = (
        event(BookingKind.RESCHEDULED, "A", at_ms=1, reschedule_uid="B"),
        event(BookingKind.RESCHEDULED, "B", at_ms=2, reschedule_uid="A"),
    )

    assert stands(first, second) == {"A": BookingState.MOVED, "B": BookingState.BOOKED}


def test_sequence_takes_precedence_over_the_time_of_an_event():
    later_clock = event(BookingKind.CREATED, "A", at_ms=5_000, sequence=0)
    cancelled = event(BookingKind.CANCELLED, "A", at_ms=1_000, sequence=1)

    assert stands(later_clock, cancelled) == {"A": BookingState.CANCELLED}


def test_time_decides_without_sequences_and_a_cancellation_wins_at_equal_times():
    assert stands(CREATED, event(BookingKind.CANCELLED, "A", at_ms=1)) == {"A": BookingState.CANCELLED}
    assert stands(CREATED, event(BookingKind.CANCELLED, "A", at_ms=0)) == {"A": BookingState.CANCELLED}
    assert stands(event(BookingKind.CREATED, "A", at_ms=2), event(BookingKind.CANCELLED, "A")) == {
        "A": BookingState.BOOKED
    }


def test_contradicting_sequences_and_times_resolve_alike_whatever_the_order():
    circle = [
        event(BookingKind.CREATED, "A", at_ms=10, sequence=1),
        event(BookingKind.CANCELLED, "A", at_ms=5),
        event(BookingKind.RESCHEDULED, "A", at_ms=3, sequence=2),
    ]

    assert {circle[1]} == {newest(order) for order in permutations(circle)}


def test_no_show_waits_for_its_booking_covers_its_attendee_and_can_be_taken_back():
    absent = event(BookingKind.NO_SHOW, "A", at_ms=7, email=None, start_ms=None, no_shows=((BORIS, True),))
    guest = replace(absent, no_shows=(("guest@example.org", True),))
    back = replace(absent, event_ms=absent.event_ms + 1, no_shows=((BORIS, False),))
    ended = event(BookingKind.ENDED, "A", at_ms=6)

    assert stands(absent) == {}
    assert stands(absent, CREATED) == {"A": BookingState.NO_SHOW}
    assert stands(absent, CREATED, ended) == {"A": BookingState.NO_SHOW}
    assert stands(guest, CREATED, ended) == {"A": BookingState.COMPLETED}
    assert stands(absent, CREATED, ended, back) == {"A": BookingState.COMPLETED}


def test_ended_call_is_completed_without_a_booking_event_unless_it_was_cancelled():
    ended = event(BookingKind.ENDED, "A", at_ms=99)

    assert stands(ended) == {"A": BookingState.COMPLETED}
    assert stands(CREATED, event(BookingKind.CANCELLED, "A", at_ms=1), ended) == {"A": BookingState.CANCELLED}


def test_guest_and_time_are_found_by_uid_when_the_event_omits_them():
    cancelled = event(BookingKind.CANCELLED, "A", at_ms=1, email=None, start_ms=None, end_ms=None)

    found = current(replace(CREATED, first_name="Boris"), cancelled)

    assert (found.email, found.first_name, found.start_ms) == (BORIS, "Boris", START_MS)
    assert booking_id("A") == found.id


def test_series_may_change_its_guest_and_each_booking_keeps_its_own():
    handed_on = replace(MOVED, email="ada@example.org", first_name="Ada")

    assert sorted(booking.email for booking in resolve([CREATED, handed_on])) == ["ada@example.org", BORIS]


def test_full_booking_event_survives_json_and_its_digest_ignores_the_time_of_arrival():
    full = replace(
        MOVED, no_shows=((BORIS, True),), title="Anruf 📞", request_reschedule=True, join_url="https://x.example"
    )

    assert full == BookingEvent.from_json(full.to_json())
    assert full.digest() == replace(full, received_ms=1).digest()
    assert full.digest() != replace(full, title="other").digest()
    with pytest.raises(ValueError, match="has no colour"):
        BookingEvent.from_fields({"kind": "created", "colour": 1})
