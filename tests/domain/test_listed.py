"""What Cal.com lists is recorded only where no webhook reported it; what webhooks reported since stays newer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from common.domain.booking import BookingEvent, BookingKind
from common.domain.booking_diff import ListedBooking, ListedSeat, unreported
from common.domain.series import BookingState, resolve

DAY_MS = 86_400_000
NOW_MS = 1_764_000_000_000
START_MS = NOW_MS + 7 * DAY_MS


def listed(**reported: Any) -> ListedBooking:
    known: dict[str, Any] = {
        "uid": "A",
        "status": "accepted",
        "created_ms": NOW_MS - DAY_MS,
        "updated_ms": NOW_MS - DAY_MS,
        "start_ms": START_MS,
        "end_ms": START_MS + 1_800_000,
        "email": "boris@example.org",
    }
    return ListedBooking(**known | reported)


def event(kind: BookingKind, event_ms: int, **reported: Any) -> BookingEvent:
    known: dict[str, Any] = {"uid": "A", "email": "boris@example.org", "start_ms": START_MS}
    return BookingEvent(kind=kind, event_ms=event_ms, received_ms=event_ms, **known | reported)


def missing(row: ListedBooking, *events: BookingEvent, now_ms: int = NOW_MS) -> list[BookingEvent]:
    return unreported(row, resolve(events), events, now_ms=now_ms)


def stands(row: ListedBooking, *events: BookingEvent, now_ms: int = NOW_MS) -> dict[str, BookingState]:
    """Return the states of the series' bookings after everything missing was recorded."""
    return {one.uid: one.state for one in resolve([*events, *missing(row, *events, now_ms=now_ms)])}


CREATED = event(BookingKind.CREATED, NOW_MS - DAY_MS)


def test_listed_booking_without_a_webhook_is_dated_with_its_last_change():
    [reported] = missing(listed(updated_ms=NOW_MS - 5))

    assert (reported.kind, reported.event_ms, reported.received_ms) == (BookingKind.CREATED, NOW_MS - 5, NOW_MS)


def test_reported_booking_is_not_recorded_again_when_its_row_changes():
    assert missing(listed(updated_ms=NOW_MS), CREATED) == []
    reschedule_requested = event(BookingKind.CANCELLED, NOW_MS - 10, request_reschedule=True)
    assert missing(listed(status="cancelled", updated_ms=NOW_MS), CREATED, reschedule_requested) == []


def test_lost_cancellation_rejection_and_confirmation_are_recorded():
    assert stands(listed(status="cancelled", updated_ms=NOW_MS - 9), CREATED) == {"A": BookingState.CANCELLED}
    requested = event(BookingKind.REQUESTED, NOW_MS - DAY_MS)
    assert stands(listed(status="rejected", updated_ms=NOW_MS - 9), requested) == {"A": BookingState.REJECTED}
    assert stands(listed(updated_ms=NOW_MS - 9), requested) == {"A": BookingState.BOOKED}


def test_listed_cancellation_without_a_time_counts_from_now():
    assert stands(listed(status="cancelled", updated_ms=None), CREATED) == {"A": BookingState.CANCELLED}


def test_older_row_does_not_undo_a_later_webhook():
    cancelled = event(BookingKind.CANCELLED, NOW_MS - 10)

    assert stands(listed(updated_ms=NOW_MS - 11), CREATED, cancelled) == {"A": BookingState.CANCELLED}
    assert stands(listed(updated_ms=None), CREATED, cancelled) == {"A": BookingState.CANCELLED}


def test_lost_move_is_recorded_from_the_row_of_the_new_booking():
    old = listed(status="cancelled", moved_to="B", updated_ms=NOW_MS)
    new = listed(uid="B", moved_from="A", start_ms=START_MS + DAY_MS, updated_ms=NOW_MS)

    assert missing(old, CREATED) == []
    assert stands(new, CREATED) == {"A": BookingState.MOVED, "B": BookingState.BOOKED}


def test_listed_move_to_an_unlisted_booking_ends_the_old_call():
    old = listed(status="cancelled", moved_to="B", updated_ms=NOW_MS - 600_000)

    assert stands(old, CREATED) == {"A": BookingState.CANCELLED}
    moved = event(BookingKind.RESCHEDULED, NOW_MS - 5, uid="B", reschedule_uid="A")
    assert missing(old, CREATED, moved) == []


def test_lost_move_and_lost_cancellation_of_the_new_booking_end_in_no_call():
    new = listed(uid="B", moved_from="A", status="cancelled", updated_ms=NOW_MS)

    assert stands(new, CREATED) == {"A": BookingState.MOVED, "B": BookingState.CANCELLED}


def test_booking_made_and_cancelled_without_any_webhook_is_ignored():
    assert missing(listed(status="cancelled")) == []


def test_listed_link_to_the_moved_booking_is_recorded_if_no_webhook_named_it():
    alone = event(BookingKind.CREATED, NOW_MS - 50, uid="B")
    new = listed(uid="B", moved_from="A", updated_ms=NOW_MS - 60)

    assert missing(new, alone) != []
    assert missing(new, replace(alone, reschedule_uid="A")) == []


def test_listed_call_is_completed_or_missed_after_its_end():
    after_ms = START_MS + DAY_MS

    assert stands(listed(), CREATED, now_ms=after_ms) == {"A": BookingState.COMPLETED}
    assert stands(listed(is_absent=True), CREATED, now_ms=after_ms) == {"A": BookingState.NO_SHOW}
    assert stands(listed(status="cancelled", updated_ms=NOW_MS), CREATED, now_ms=after_ms) == {
        "A": BookingState.CANCELLED
    }


def test_no_show_mark_taken_back_is_not_set_again_from_the_list():
    ended = event(BookingKind.ENDED, START_MS + 1_800_000)
    back = event(BookingKind.NO_SHOW, START_MS + DAY_MS, no_shows=(("boris@example.org", False),))

    reported = stands(listed(is_absent=True), CREATED, ended, back, now_ms=START_MS + 2 * DAY_MS)
    assert reported == {"A": BookingState.COMPLETED}


def test_listed_booking_of_another_event_type_does_not_count():
    row = listed(event_types=("123", "strategy-call"))

    assert all(row.counts(types) for types in ((), ("123",), ("other", "strategy-call")))
    assert not row.counts(("intro",))


def test_listed_absence_counts_from_the_end_of_the_call_or_from_a_later_change():
    row = listed(is_absent=True, updated_ms=START_MS)
    ended_ms = row.end_ms

    def reported_ms(updated_ms: int | None) -> list[tuple[BookingKind, int]]:
        reported = missing(replace(row, updated_ms=updated_ms), CREATED, now_ms=ended_ms + 9)
        return [(one.kind, one.event_ms) for one in reported]

    assert (
        reported_ms(START_MS) == reported_ms(None) == [(BookingKind.ENDED, ended_ms), (BookingKind.NO_SHOW, ended_ms)]
    )
    assert reported_ms(ended_ms + 5) == [(BookingKind.ENDED, ended_ms), (BookingKind.NO_SHOW, ended_ms + 5)]


def test_listed_address_without_a_webhook_is_recorded_and_an_unlisted_one_is_not_expected():
    unnamed = event(BookingKind.CREATED, NOW_MS - DAY_MS, email=None)

    assert [one.email for one in missing(listed(), unnamed)] == ["boris@example.org"]
    assert missing(listed(email=None), unnamed) == []


def test_listed_host_and_place_without_a_webhook_are_recorded_once():
    known = replace(CREATED, organizer="Sarah", join_url="https://one.example/a")
    row = listed(organizer="Nina", join_url="https://two.example/b", updated_ms=NOW_MS - 9)

    [found] = missing(row, known)
    assert (found.kind, found.organizer, found.join_url) == (BookingKind.REASSIGNED, "Nina", "https://two.example/b")
    assert missing(row, known, found) == []
    assert missing(replace(row, updated_ms=known.event_ms), known) == []


ADA = ListedSeat(email="ada@example.com", first_name="Ada")
BOB = ListedSeat(email="bob@example.com", first_name="Bob")


def seat(who: ListedSeat, kind: BookingKind = BookingKind.CREATED, *, at_ms: int = NOW_MS - DAY_MS) -> BookingEvent:
    return event(kind, at_ms, email=who.email, first_name=who.first_name, is_seated=True)


def seats(row: ListedBooking, *events: BookingEvent) -> dict[str | None, BookingState]:
    return {one.email: one.state for one in resolve([*events, *missing(row, *events)])}


def test_unlisted_seat_is_cancelled_unless_it_was_taken_just_now():
    row = listed(seats=(ADA,))

    assert seats(row, seat(ADA), seat(BOB)) == {ADA.email: BookingState.BOOKED, BOB.email: BookingState.CANCELLED}
    assert seats(row, seat(ADA), seat(BOB, at_ms=NOW_MS - 60_000))[BOB.email] is BookingState.BOOKED


def test_no_seat_is_cancelled_while_the_address_of_a_listed_seat_cannot_be_read():
    row = listed(seats=(ADA,), some_seats_unread=True)

    assert seats(row, seat(ADA), seat(BOB))[BOB.email] is BookingState.BOOKED
    cancelled = replace(row, status="cancelled", updated_ms=NOW_MS)
    assert seats(cancelled, seat(ADA), seat(BOB))[BOB.email] is BookingState.CANCELLED


def test_listed_seat_that_was_given_up_is_booked_again_unless_given_up_just_now():
    row = listed(seats=(ADA, BOB))
    reported = (seat(ADA), seat(BOB))

    left = seat(BOB, BookingKind.CANCELLED, at_ms=NOW_MS - DAY_MS // 2)
    assert seats(row, *reported, left)[BOB.email] is BookingState.BOOKED
    left_now = seat(BOB, BookingKind.CANCELLED, at_ms=NOW_MS - 60_000)
    assert seats(row, *reported, left_now)[BOB.email] is BookingState.CANCELLED


def test_listed_cancellation_or_move_of_a_booking_with_seats_covers_every_guest():
    reported = (seat(ADA), seat(BOB))
    start_ms = START_MS + DAY_MS

    cancelled = listed(status="cancelled", updated_ms=NOW_MS - 9)
    for row in (cancelled, replace(cancelled, seats=(ADA, BOB))):
        assert set(seats(row, *reported).values()) == {BookingState.CANCELLED}
    moved = listed(start_ms=start_ms, end_ms=start_ms + 1, updated_ms=NOW_MS - 9)
    for row in (moved, replace(moved, seats=(ADA, BOB))):
        assert {one.start_ms for one in resolve([*reported, *missing(row, *reported)])} == {start_ms}
