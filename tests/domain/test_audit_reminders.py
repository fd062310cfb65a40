"""What an audit says of reminders: values in, values out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from common.domain.audit import Audited, Finding, Terms, compare
from common.domain.audit_bookings import AuditedReminder, UnreadCall
from common.domain.cadence import Cadence
from common.domain.contact import Assessment
from common.domain.delivery import DeliveryStatus, Record
from common.domain.enrollment import Enrollment, ExitReason, Status
from common.domain.ids import booking_id, enrollment_id
from common.domain.mail import AcceptedMail
from common.domain.reminders import PASSED, SHORT_NOTICE
from common.domain.series import Booking, BookingState

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
TEN_MINUTES_MS = 600_000
REPORTED_MS = 1_764_000_000_000
START_MS = REPORTED_MS + 4 * DAY_MS
DUE_MS = START_MS - 3 * DAY_MS
TERMS = Terms(now_ms=DUE_MS, cadence=Cadence((0,), 0))
BORIS = "boris@salon.example"
CALL = Booking(
    id=booking_id("A"), uid="A", state=BookingState.BOOKED, received_ms=REPORTED_MS, start_ms=START_MS, email=BORIS
)
ACCEPTED = Record(status=DeliveryStatus.ACCEPTED, at_ms=DUE_MS, attempts=1, detail="m72", sent_ms=DUE_MS)
PLANNED = Record(status=DeliveryStatus.PLANNED, at_ms=DUE_MS, attempts=0, detail="")
SKIPPED = Record(status=DeliveryStatus.SKIPPED, at_ms=REPORTED_MS, attempts=0, detail=PASSED)


class BySubject:
    """Recognises mails by subject: `72h` is the reminder of that name, `A 72h` that of call A; none is a step."""

    def steps_of(self, subject, person):
        return []

    def reminder_of(self, mail, reminders):
        return next((one for one in reminders if mail.subject in (one.name, f"{one.booking.uid} {one.name}")), None)

    def is_ours(self, mail):
        return mail.sender != "somebody else"


def reminder(name: str = "72h", booking: Booking = CALL, **given) -> AuditedReminder:
    known = {"start_ms": START_MS, "due_ms": DUE_MS}
    return AuditedReminder(booking=booking, name=name, **{**known, **given})


def mail(mail_id: str, subject: str = "72h", *, created_ms: int = DUE_MS, sender: str = "") -> AcceptedMail:
    return AcceptedMail(id=mail_id, to=(BORIS,), subject=subject, created_ms=created_ms, sender=sender)


def enrolled() -> Audited:
    """Return the audited enrollment of Boris, who has left the campaign, so that only his reminders are checked."""
    enrollment = Enrollment(
        id=enrollment_id("christmas_2025", BORIS),
        campaign="christmas_2025",
        status=Status.EXITED,
        segment=None,
        assessment=Assessment(email=BORIS, first_name="Boris", assessment_score=50),
        anchor_ms=REPORTED_MS,
        assessed_ms=START_MS,
        exit_reason=ExitReason.UNSUBSCRIBED,
        revision=2,
        mirrored_revision=1,
    )
    return Audited(enrollment=enrollment, waits={})


def found(*reminders: AuditedReminder, mails=(), people=(), at_ms=DUE_MS, is_waiting=False, texts=()):
    terms, by_address = replace(TERMS, now_ms=at_ms, is_waiting=is_waiting), {BORIS: list(mails)} if mails else {}
    return compare(people, by_address, (), BySubject(), terms, reminders=reminders, texts=texts)


def says(kind: str, what: str, name: str = "72h", start_ms: int = START_MS) -> Finding:
    return Finding(kind, BORIS, 0, what, reminder=f"{start_ms}/{name}")


NOTHING_WAITS = says("missing", "due, and nothing waits to send it")
CALL_BEGAN = says("missing", "its call has begun, and it was neither sent nor called off")
LATE = says("missing", "due for more than a day, and not sent")


def test_accepted_and_listed_reminder_has_no_finding_however_late_the_audit_is():
    assert found(reminder(record=ACCEPTED), mails=[mail("m72")], at_ms=START_MS + DAY_MS) == set()


def test_a_reminder_that_the_provider_does_not_list_is_missing():
    missing = says("missing", "accepted as m72, and the provider does not list it")
    assert found(reminder(record=ACCEPTED)) == {missing}
    assert found(reminder(record=ACCEPTED), mails=[mail("m72", "of a call that was renamed")]) == set()


def test_unlisted_sms_is_missing_only_if_twilio_was_queried():
    text = reminder("72h.sms", record=ACCEPTED)

    assert {one.kind for one in found(text, texts=())} == {"missing"}
    assert found(text, texts=None) == set()
    assert {one.kind for one in found(reminder(record=ACCEPTED), texts=None)} == {"missing"}


def test_reminder_that_was_not_accepted_has_no_provider_id():
    assert reminder().sent_as is None
    assert reminder(record=SKIPPED).sent_as is None
    assert found(reminder(record=SKIPPED), at_ms=START_MS + DAY_MS) == set()


@pytest.mark.parametrize("record", [None, PLANNED])
def test_due_reminder_without_a_job_is_missing_after_ten_minutes_even_if_all_sending_waits(record):
    lost = reminder(record=record)

    assert found(lost, at_ms=DUE_MS + TEN_MINUTES_MS) == set()
    assert found(lost, at_ms=DUE_MS + TEN_MINUTES_MS + 1) == {NOTHING_WAITS}
    assert found(lost, at_ms=START_MS + DAY_MS, is_waiting=True) == {NOTHING_WAITS}


def test_reminder_still_waiting_after_its_call_began_is_missing_unless_all_sending_waits():
    waiting = reminder(record=PLANNED, due_ms=START_MS - 2 * HOUR_MS, waits_ms=START_MS - 2 * HOUR_MS)

    assert found(waiting, at_ms=START_MS + TEN_MINUTES_MS) == set()
    assert found(waiting, at_ms=START_MS + TEN_MINUTES_MS + 1) == {CALL_BEGAN}
    assert found(waiting, at_ms=START_MS + TEN_MINUTES_MS + 1, is_waiting=True) == set()


@pytest.mark.parametrize(
    "late", [{"waits_ms": DUE_MS - HOUR_MS}, {"due_ms": DUE_MS - HOUR_MS, "waits_ms": DUE_MS}], ids=["due", "put off"]
)
def test_delivery_overdue_for_more_than_a_day_is_missing_unless_all_sending_waits(late):
    waiting = reminder(record=PLANNED, **late)

    assert found(waiting, at_ms=DUE_MS + DAY_MS) == set()
    assert found(waiting, at_ms=DUE_MS + DAY_MS + 1) == {LATE}
    assert found(waiting, at_ms=DUE_MS + DAY_MS + 1, is_waiting=True) == set()


@pytest.mark.parametrize("waits_ms", [None, DUE_MS])
def test_held_contact_has_no_missing_reminder(waits_ms):
    assert found(reminder(waits_ms=waits_ms, is_held=True), at_ms=START_MS + DAY_MS) == set()


def test_held_contact_does_not_hide_the_missing_reminders_of_others():
    held = reminder(is_held=True)
    assert found(held, reminder("24h"), at_ms=START_MS) == {replace(NOTHING_WAITS, reminder=f"{START_MS}/24h")}


def test_call_without_a_reported_address_is_a_finding_without_an_address():
    nameless = reminder(booking=replace(CALL, email=None))
    assert found(nameless, at_ms=START_MS) == {replace(NOTHING_WAITS, email="")}


@pytest.mark.parametrize(("is_arranged", "patience_ms"), [(False, TEN_MINUTES_MS), (True, DAY_MS)])
def test_unprocessed_call_is_missing_after_ten_minutes_or_a_day_if_a_job_is_scheduled(is_arranged, patience_ms):
    def at(ms: int):
        call = UnreadCall(BORIS, REPORTED_MS, is_arranged)
        return compare((), {}, (), BySubject(), replace(TERMS, now_ms=REPORTED_MS + ms), unread=[call])

    assert at(patience_ms) == set()
    what = "a booking was reported or changed and has not been processed"
    assert at(patience_ms + 1) == {Finding("missing", BORIS, 0, what)}


people = pytest.mark.parametrize("people", [(), (enrolled(),)], ids=["only booked", "enrolled"])


@people
def test_a_second_mail_of_one_reminder_is_doubled(people):
    sent = reminder(record=ACCEPTED)
    assert found(sent, mails=[mail("m72"), mail("again")], people=people) == {
        says("doubled", "the provider lists again too")
    }


@people
def test_first_unknown_mail_is_unexplained_and_the_next_ones_are_doubled(people):
    planned = says("unexplained", "the provider lists x, and the ledger says planned")
    doubled = says("doubled", "the provider lists y too")

    for record in (None, PLANNED):
        assert found(reminder(record=record), mails=[mail("x"), mail("y")], people=people) == {planned, doubled}


@people
def test_mail_of_a_reminder_under_way_is_no_finding_and_a_second_one_is_doubled(people):
    claimed = reminder(record=PLANNED, is_under_way=True)

    assert found(claimed, mails=[mail("x")], people=people) == set()
    assert found(claimed, mails=[mail("x"), mail("y")], people=people) == {says("doubled", "the provider lists y too")}


def test_reminders_of_one_name_for_two_calls_of_a_contact_are_distinguished():
    other = replace(CALL, id=booking_id("B"), uid="B")
    both = [reminder(record=ACCEPTED), reminder(record=PLANNED, booking=other, start_ms=START_MS + DAY_MS)]

    assert found(*both, mails=[mail("m72"), mail("x", "A 72h"), mail("y", "B 72h")]) == {
        says("doubled", "the provider lists x too"),
        says("unexplained", "the provider lists y, and the ledger says planned", start_ms=START_MS + DAY_MS),
    }


@people
def test_mail_of_ours_that_is_no_reminder_is_unexplained_and_foreign_mail_hides_nothing(people):
    mails = [mail("a", "Offer", sender="somebody else"), mail("b", "Hello"), mail("c", "24h")]

    assert found(reminder("24h"), mails=mails, people=people) == {
        Finding("unexplained", BORIS, 0, "the provider lists b (Hello)"),
        says("unexplained", "the provider lists c, and the ledger says planned", name="24h"),
    }


@pytest.mark.parametrize(
    ("record", "created_ms", "is_found"),
    [
        (SKIPPED, REPORTED_MS - 1, False),
        (SKIPPED, REPORTED_MS, True),
        (replace(SKIPPED, detail=SHORT_NOTICE), REPORTED_MS - 1, True),
        (replace(SKIPPED, status=DeliveryStatus.DEAD), REPORTED_MS - 1, True),
        (None, REPORTED_MS - 1, True),
    ],
    ids=["of an earlier store", "since it was reported", "called off otherwise", "died", "no word of it"],
)
def test_only_a_reminder_due_before_the_report_may_have_been_sent_by_an_earlier_store(record, created_ms, is_found):
    [*findings] = found(reminder(record=record), mails=[mail("x", created_ms=created_ms)], people=[enrolled()])

    final_status = record.status if record else DeliveryStatus.PLANNED
    what = f"the provider lists x, and the ledger says {final_status}"
    assert findings == ([says("unexplained", what)] if is_found else [])


def test_mail_older_than_the_first_call_of_a_contact_who_only_booked_is_ignored():
    later = reminder(booking=replace(CALL, id=booking_id("B"), uid="B", received_ms=REPORTED_MS + HOUR_MS))
    first = reminder("24h")

    assert found(later, first, mails=[mail("x", "Hello", created_ms=REPORTED_MS - 1)]) == set()
    assert found(later, first, mails=[mail("x", "Hello", created_ms=REPORTED_MS)]) == {
        Finding("unexplained", BORIS, 0, "the provider lists x (Hello)")
    }
