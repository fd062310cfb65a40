"""Which reminders a call gets, why one is not sent, and what all calls of a contact amount to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from common.domain.contact_booking_status import BookingSummary, notion_booking_status, nurture_after, summarize
from common.domain.handovers import TOGETHER_MS
from common.domain.ids import booking_id
from common.domain.projection import NotionBookingStatus
from common.domain.reminders import ReminderRules, reminders_of
from common.domain.series import Booking, BookingState

HOUR_MS = 3_600_000
NOW_MS = 1_764_000_000_000
RULES = ReminderRules(
    before_ms=(("72h", 72 * HOUR_MS), ("24h", 24 * HOUR_MS), ("2h", 2 * HOUR_MS)), minimum_notice_ms=2 * HOUR_MS
)


def booked(in_h: float, **reported) -> Booking:
    start_ms = NOW_MS + round(in_h * HOUR_MS)
    known = {"email": "boris@example.org", "start_ms": start_ms, "starts_ms": (start_ms,), "end_ms": start_ms + HOUR_MS}
    return Booking(
        **{"id": booking_id("A"), "uid": "A", "state": BookingState.BOOKED, "received_ms": NOW_MS, **known, **reported}
    )


def because(booking: Booking) -> list[str | None]:
    return [reminder.skip_reason for reminder in reminders_of(booking, RULES)]


@pytest.mark.parametrize(
    ("in_h", "reasons"),
    [
        (100, [None, None, None]),
        (72, [None, None, None]),
        (71.9, ["its hour had passed", None, None]),
        (24, ["its hour had passed", None, None]),
        (3, ["its hour had passed", "its hour had passed", None]),
        (2, ["its hour had passed", "its hour had passed", None]),
        (1.99, ["short notice"] * 3),
        (-5, ["short notice"] * 3),
    ],
)
def test_past_reminders_are_skipped_and_all_of_them_under_the_minimum_notice(in_h, reasons):
    assert reasons == because(booked(in_h))


def test_reminder_is_due_before_the_start_and_its_id_names_it():
    first, *_ = reminders_of(booked(100), RULES)

    assert first.due_ms == NOW_MS + 28 * HOUR_MS
    assert f"{booking_id('A')}/{NOW_MS + 100 * HOUR_MS}/72h" == first.id


@pytest.mark.parametrize("state", [state for state in BookingState if state is not BookingState.BOOKED])
def test_call_that_is_not_booked_gets_no_reminder(state):
    assert [state] * 3 == because(booked(100, state=state))


def test_reminders_of_a_former_start_are_skipped_as_moved():
    moved = booked(100, starts_ms=(NOW_MS + 50 * HOUR_MS, NOW_MS + 100 * HOUR_MS))

    assert [*["moved"] * 3, None, None, None] == because(moved)


def test_phone_only_guest_gets_no_mail_and_a_guest_without_an_address_has_no_reminders():
    assert because(booked(100, email="15551234567@sms.cal.com")) == ["phone only"] * 3
    assert because(booked(100, email=None)) == []


def call(state: BookingState, in_h: float) -> BookingSummary:
    start_ms = NOW_MS + round(in_h * HOUR_MS)
    return BookingSummary(state, start_ms, start_ms + HOUR_MS)


@pytest.mark.parametrize(
    ("calls", "status", "in_h"),
    [
        ([(BookingState.BOOKED, 50), (BookingState.BOOKED, 20)], "Booked", 20),
        ([(BookingState.COMPLETED, -50), (BookingState.BOOKED, 20)], "Booked", 20),
        ([(BookingState.MOVED, 10), (BookingState.BOOKED, 20)], "Booked", 20),
        ([(BookingState.BOOKED, -30), (BookingState.COMPLETED, -5)], "Completed", -5),
        ([(BookingState.NO_SHOW, -3), (BookingState.COMPLETED, -5)], "No-Show", -3),
        ([(BookingState.BOOKED, -30)], "Booked", -30),
        ([(BookingState.UNMARKED, -30)], "Unmarked", -30),
        ([(BookingState.COMPLETED, -30), (BookingState.CANCELLED, 20)], "Completed", -30),
        ([(BookingState.CANCELLED, 20)], "Not Booked", None),
        ([(BookingState.AWAITING, 20), (BookingState.MOVED, 10)], "Not Booked", None),
    ],
)
def test_notion_shows_the_call_that_matters(calls, status, in_h):
    expected = NotionBookingStatus(status=status, meeting_ms=None if in_h is None else NOW_MS + in_h * HOUR_MS)

    assert expected == notion_booking_status([call(*one) for one in calls], now_ms=NOW_MS)


def test_contact_without_a_call_has_no_booking_status():
    assert notion_booking_status([], now_ms=NOW_MS) is None


def nurture(
    booking: Booking | None,
    policy: str,
    *others: BookingSummary,
    resumes: bool = True,
    since_ms: int = 0,
    now_ms: int = NOW_MS,
) -> str:
    return nurture_after(booking, others, policy=policy, cancellation_resumes=resumes, since_ms=since_ms, now_ms=now_ms)


def test_nurture_continue_ignores_every_call_and_nurture_stop_ends_at_a_booked_call():
    assert {"leave"} == {nurture(booked(10, state=stand), "continue") for stand in BookingState}
    assert nurture(booked(10), "stop") == "stop"
    assert nurture(booked(10, state=BookingState.AWAITING), "stop") == "leave"
    assert nurture(booked(10, state=BookingState.CANCELLED), "stop") == "leave"


def test_nurture_pause_resumes_when_no_call_is_ahead():
    assert nurture(booked(10), "pause") == "hold"
    assert nurture(booked(10, state=BookingState.AWAITING), "pause") == "hold"
    assert nurture(booked(10, state=BookingState.COMPLETED), "pause") == "release"
    assert nurture(booked(10), "pause", now_ms=NOW_MS + 11 * HOUR_MS) == "release"
    assert nurture(booked(10, state=BookingState.CANCELLED), "pause", call(BookingState.BOOKED, 30)) == "hold"
    assert nurture(None, "pause") == "release"


def test_campaign_decides_if_a_cancellation_resumes_unless_the_host_asks_to_reschedule():
    cancelled = booked(10, state=BookingState.CANCELLED)

    assert nurture(cancelled, "pause") == "release"
    assert nurture(cancelled, "pause", resumes=False, now_ms=cancelled.received_ms + TOGETHER_MS) == "stop"
    assert nurture(replace(cancelled, reschedule_requested=True), "pause", resumes=False) == "release"


@pytest.mark.parametrize("state", [BookingState.CANCELLED, BookingState.REJECTED])
def test_cancellation_first_holds_the_mails_that_it_ends_because_a_handover_may_follow(state):
    cancelled = booked(10, state=state)

    assert nurture(cancelled, "pause", resumes=False, now_ms=cancelled.received_ms) == "hold"
    assert nurture(cancelled, "pause", resumes=False, now_ms=cancelled.received_ms + TOGETHER_MS - 1) == "hold"


def test_hold_after_a_cancellation_lasts_whichever_other_call_is_processed():
    cancelled = booked(10, state=BookingState.CANCELLED)
    missed, off = booked(-5, state=BookingState.NO_SHOW), summarize(cancelled)
    off_ms = cancelled.received_ms + TOGETHER_MS

    assert nurture(missed, "pause", off, resumes=False, now_ms=NOW_MS + 100_000) == "hold"
    assert nurture(None, "pause", off, resumes=False, now_ms=NOW_MS + 100_000) == "hold"
    assert nurture(cancelled, "pause", summarize(missed), resumes=False, now_ms=off_ms) == "stop"
    assert nurture(missed, "pause", off, resumes=False, now_ms=off_ms) == "release"
    assert nurture(missed, "pause", off, resumes=True, now_ms=NOW_MS + 100_000) == "release"
    again = summarize(replace(cancelled, reschedule_requested=True))
    assert nurture(missed, "pause", again, resumes=False, now_ms=NOW_MS + 100_000) == "release"


def test_call_cancelled_before_the_signup_holds_nothing():
    off = summarize(booked(10, state=BookingState.CANCELLED))
    missed = booked(-5, state=BookingState.NO_SHOW)

    assert nurture(missed, "pause", off, resumes=False, since_ms=NOW_MS) == "hold"
    assert nurture(missed, "pause", off, resumes=False, since_ms=NOW_MS + 1) == "release"
