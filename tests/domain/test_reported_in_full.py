"""Nothing that Cal.com reports or lists of a call is lost on the way."""

from __future__ import annotations

from dataclasses import asdict, replace

from common.domain.booking import BookingEvent, BookingKind
from common.domain.booking_diff import ListedBooking, unreported
from common.domain.cadence import Cadence, Pace
from common.domain.contact_booking_status import BookingSummary, summarize
from common.domain.ids import booking_id, reminder_delivery_id
from common.domain.reminders import PHONE_ONLY, ReminderRules, reminders_of
from common.domain.retry import KEY_REMEMBERED_MS, may_repeat
from common.domain.series import Booking, BookingState, resolve

HOUR_MS = 3_600_000
NOW_MS = 1_764_000_000_000
START_MS = NOW_MS + 100 * HOUR_MS
WHO = {
    "email": "boris@example.org",
    "first_name": "Boris",
    "timezone": "America/Toronto",
    "locale": "fr",
    "sms_number": "+14165550123",
}
HOST = {"organizer_email": "host@example.com"}
WHAT = {"title": "A call", "join_url": "https://meet.example/1", "organizer": "Sarah"}
ENTRY = {"ical_uid": "A@cal.example", "sequence": 2}
CHANGING = {"reschedule_url": "https://cal.example/reschedule/A", "cancel_url": "https://cal.example/booking/A"}
LISTED = ListedBooking(
    uid="A",
    status="accepted",
    created_ms=NOW_MS - HOUR_MS,
    updated_ms=NOW_MS - 5,
    start_ms=START_MS,
    end_ms=START_MS + HOUR_MS,
    ical_uid="A@cal.example",
    event_types=("7", "discovery"),
    **WHO,
    **WHAT,
    **HOST,
)
CREATED = BookingEvent(
    kind=BookingKind.CREATED,
    uid="A",
    event_ms=NOW_MS,
    received_ms=NOW_MS + 7,
    start_ms=START_MS,
    end_ms=START_MS + HOUR_MS,
    **WHO,
    **WHAT,
    **HOST,
    **ENTRY,
    **CHANGING,
)


def booked(*events: BookingEvent) -> Booking:
    [booking] = resolve(events)
    return booking


def test_booking_has_every_reported_field():
    known = asdict(booked(CREATED))

    assert known == {
        "id": booking_id("A"),
        "uid": "A",
        "state": BookingState.BOOKED,
        "received_ms": NOW_MS + 7,
        "start_ms": START_MS,
        "end_ms": START_MS + HOUR_MS,
        "starts_ms": (START_MS,),
        "reschedule_requested": False,
        "was_reassigned": False,
        "chain": (booking_id("A"),),
        "place": None,
        **WHO,
        **WHAT,
        **ENTRY,
        **CHANGING,
    }


def test_hosts_request_to_reschedule_is_recorded_with_the_cancellation():
    asks = replace(CREATED, kind=BookingKind.CANCELLED, event_ms=NOW_MS + 9, request_reschedule=True)

    assert booked(CREATED, asks).reschedule_requested


def test_event_recorded_from_the_list_has_every_listed_field():
    [reported] = unreported(LISTED, (), (), now_ms=NOW_MS)

    assert reported == BookingEvent(
        kind=BookingKind.CREATED,
        uid="A",
        event_ms=NOW_MS - 5,
        received_ms=NOW_MS,
        ical_uid="A@cal.example",
        start_ms=START_MS,
        end_ms=START_MS + HOUR_MS,
        event_type="7",
        **WHO,
        **WHAT,
        **HOST,
    )


def test_listed_move_and_lost_end_are_recorded_with_their_own_kinds():
    [moved] = unreported(replace(LISTED, moved_from="Z"), (), (), now_ms=NOW_MS)
    after_ms = LISTED.end_ms + 1
    [ended] = unreported(LISTED, resolve([CREATED]), [CREATED], now_ms=after_ms)

    assert (moved.kind, moved.reschedule_uid) == (BookingKind.RESCHEDULED, "Z")
    assert (ended.kind, ended.event_ms, ended.received_ms) == (BookingKind.ENDED, LISTED.end_ms, after_ms)
    assert unreported(LISTED, resolve([CREATED, ended]), [CREATED, ended], now_ms=after_ms) == []


def test_lost_no_show_is_recorded_once_with_its_attendee():
    absent, after_ms = replace(LISTED, is_absent=True), LISTED.end_ms + HOUR_MS
    ended, missed = unreported(absent, resolve([CREATED]), [CREATED], now_ms=after_ms)

    assert (ended.kind, missed.kind) == (BookingKind.ENDED, BookingKind.NO_SHOW)
    assert missed.no_shows == ((WHO["email"], True),)
    assert (missed.event_ms, missed.received_ms) == (LISTED.end_ms, after_ms)
    reported = [CREATED, ended, missed]
    assert unreported(absent, resolve(reported), reported, now_ms=after_ms) == []


def test_call_without_a_reported_end_lasts_an_hour():
    assert summarize(replace(booked(CREATED), end_ms=None)) == BookingSummary(
        BookingState.BOOKED, START_MS, START_MS + HOUR_MS
    )
    assert summarize(replace(booked(CREATED), end_ms=START_MS + 5)) == BookingSummary(
        BookingState.BOOKED, START_MS, START_MS + 5
    )
    assert summarize(replace(booked(CREATED), start_ms=None, end_ms=None)) == BookingSummary(
        BookingState.BOOKED, 0, HOUR_MS
    )


def test_reminder_has_its_name_start_and_due_time():
    rules = ReminderRules(before_ms=(("24h", 24 * HOUR_MS),), minimum_notice_ms=2 * HOUR_MS)
    [reminder] = reminders_of(booked(CREATED), rules)
    [by_phone] = reminders_of(replace(booked(CREATED), email="+1555@sms.cal.com"), rules)

    assert reminder.id == reminder_delivery_id(booking_id("A"), start_ms=START_MS, name="24h")
    assert (reminder.start_ms, reminder.name, reminder.skip_reason) == (START_MS, "24h", None)
    assert reminder.due_ms == START_MS - 24 * HOUR_MS
    assert by_phone.skip_reason == PHONE_ONLY


def test_attempt_of_unknown_outcome_is_repeated_while_its_key_is_remembered():
    assert may_repeat(first_ms=NOW_MS, outcome_unknown=True, now_ms=NOW_MS + KEY_REMEMBERED_MS - 1)
    assert not may_repeat(first_ms=NOW_MS, outcome_unknown=True, now_ms=NOW_MS + KEY_REMEMBERED_MS)
    assert may_repeat(first_ms=NOW_MS, outcome_unknown=False, now_ms=NOW_MS + 2 * KEY_REMEMBERED_MS)
    assert may_repeat(first_ms=None, outcome_unknown=True, now_ms=NOW_MS)


def test_speed_divides_durations():
    assert Pace(testing=False, speed=4).divided(HOUR_MS) == HOUR_MS / 4
    assert Cadence((0, 5), 1).due_ms(anchor_ms=NOW_MS, step=2) == NOW_MS + 5
