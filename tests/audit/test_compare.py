"""What counts as missing, doubled, unexplained: values in, values out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from common.domain.audit import Audited, Finding, NotionRow, Terms, compare
from common.domain.cadence import Cadence
from common.domain.contact import Assessment, Segment
from common.domain.delivery import DeliveryStatus, Record
from common.domain.enrollment import Enrollment, ExitReason, Status
from common.domain.ids import enrollment_id
from common.domain.mail import AcceptedMail
from common.domain.notion_import import AS_NOTION_SHOWS

HOUR_MS = 3_600_000
SIGNUP_MS = 1_764_000_000_000
NOW_MS = SIGNUP_MS + 30 * HOUR_MS
ADA = "ada@salon.example"
TERMS = Terms(now_ms=NOW_MS, cadence=Cadence(tuple(h * HOUR_MS for h in (0, 24, 72)), 12 * HOUR_MS))


class BySubject:
    """
    Recognises mails by subject: `step-2` is step 2 of the campaign, `step-2/3` may be either, `24h` is a reminder.
    """

    def steps_of(self, subject, person):
        return [int(number) for number in subject[5:].split("/")] if subject.startswith("step-") else []

    def reminder_of(self, mail, reminders):
        return next((one for one in reminders if mail.subject == one.name), None)

    def is_ours(self, mail):
        return mail.sender != "somebody else"


def sent(step: int, provider_id: str = "") -> Record:
    at_ms = SIGNUP_MS + (step - 1) * 24 * HOUR_MS
    return Record(
        status=DeliveryStatus.ACCEPTED, at_ms=at_ms, attempts=1, detail=provider_id or f"m{step}", sent_ms=at_ms
    )


def mail(step: int, mail_id: str = "", **given) -> AcceptedMail:
    created_ms = given.pop("created_ms", SIGNUP_MS + (step - 1) * 24 * HOUR_MS)
    return AcceptedMail(
        id=mail_id or f"m{step}",
        to=(ADA,),
        subject=given.pop("subject", f"step-{step}"),
        created_ms=created_ms,
        **given,
    )


def ada(**given) -> Audited:
    """Return Ada's audited enrollment: two of three mails are sent, the third waits, and Notion shows it."""
    enrollment = Enrollment(
        id=enrollment_id("christmas_2025", ADA),
        campaign="christmas_2025",
        status=Status.ACTIVE,
        segment=Segment.URGENT,
        assessment=Assessment(email=ADA, first_name="Ada", assessment_score=50),
        anchor_ms=SIGNUP_MS,
        assessed_ms=SIGNUP_MS,
        next_step=3,
        next_due_ms=SIGNUP_MS + 72 * HOUR_MS,
        records={1: sent(1), 2: sent(2)},
        revision=4,
        mirrored_revision=4,
    )
    schedule = {key: given.pop(key) for key in ("waits", "under_way", "is_held") if key in given}
    return Audited(enrollment=replace(enrollment, **given), **{"waits": {3: SIGNUP_MS + 72 * HOUR_MS}, **schedule})


def row(*steps: int, page_id: str = "page", email: str = ADA, columns=(1, 2, 3)) -> NotionRow:
    return NotionRow(page_id=page_id, email=email, steps=frozenset(steps), columns=frozenset(columns))


LISTED = (mail(1), mail(2))
ROWS = (row(1, 2),)


def found(one: Audited | None = None, *, mails=LISTED, rows=ROWS, terms=TERMS):
    findings = compare([one or ada()], {ADA: list(mails)} if mails else {}, rows, BySubject(), terms)
    assert {f.email for f in findings} <= {ADA, *(row.email for row in rows)}
    return {(f.kind, f.step, f.what) for f in findings}


def test_three_agreeing_accounts_have_no_findings():
    assert found() == set()


def test_a_mail_that_the_provider_does_not_list_is_missing():
    missing = [("missing", step, f"accepted as m{step}, and the provider does not list it") for step in (1, 2)]
    assert found(mails=[mail(1)]) == {missing[1]}
    assert found(mails=[]) == {*missing}


def test_two_mails_of_one_step_are_doubled():
    assert found(mails=[mail(1), mail(2), mail(2, "again")]) == {("doubled", 2, "the provider lists again too")}


def test_a_mail_that_the_ledger_does_not_know_is_unexplained_and_a_second_one_doubled():
    assert found(mails=[mail(1), mail(2), mail(3), mail(3, "m4")]) == {
        ("unexplained", 3, "the provider lists m3, and the ledger says planned"),
        ("doubled", 3, "the provider lists m4 too"),
    }


def test_listed_mail_of_a_skipped_step_is_unexplained_even_after_a_strange_mail():
    skipped = Record(status=DeliveryStatus.SKIPPED, at_ms=SIGNUP_MS, attempts=0, detail="paused")
    assert found(ada(records={1: sent(1), 2: skipped}), mails=[mail(1), mail(1, "x", subject="Hello"), mail(2)]) == {
        ("unexplained", 0, "the provider lists x (Hello)"),
        ("unexplained", 2, "the provider lists m2, and the ledger says skipped"),
        ("unexplained", 2, "Notion shows it as sent, and the ledger does not"),
    }


def test_mail_with_a_subject_of_two_steps_matches_the_step_still_without_a_mail():
    shared = [mail(1), mail(2, subject="step-2/3"), mail(3, subject="step-2/3", created_ms=NOW_MS)]

    assert found(mails=shared) == {("unexplained", 3, "the provider lists m3, and the ledger says planned")}
    assert found(ada(under_way=frozenset({3})), mails=shared) == set()


def test_mail_of_a_delivery_under_way_is_no_finding():
    assert found(ada(under_way=frozenset({3})), mails=[mail(1), mail(2), mail(3)]) == set()


def test_strange_subject_is_unexplained_from_our_sender_and_ignored_from_others():
    strange = mail(1, "x", subject="Hello")
    assert found(mails=[mail(1), mail(2), strange]) == {("unexplained", 0, "the provider lists x (Hello)")}
    assert found(mails=[mail(1), mail(2), replace(strange, sender="somebody else")]) == set()


@pytest.mark.parametrize("subject", ["step-2", "of answers that changed"])
def test_rebuilt_record_without_an_id_is_matched_by_subject_or_time(subject):
    restored = ada(records={1: sent(1), 2: sent(2, AS_NOTION_SHOWS)})
    assert found(restored, mails=[mail(1), mail(2, "other", subject=subject)]) == set()
    assert {kind for kind, _, _ in found(restored, mails=[mail(1)])} == {"missing"}


def test_subject_counts_more_than_time_for_a_rebuilt_record():
    """A date that a person writes into Notion by hand is a whole day."""
    restored = ada(records={1: sent(1), 2: sent(2, AS_NOTION_SHOWS)})
    by_hand = mail(2, "other", created_ms=SIGNUP_MS + 40 * HOUR_MS)
    strange = mail(2, "x", subject="Hello")

    assert found(restored, mails=[mail(1), strange, by_hand]) == {("unexplained", 0, "the provider lists x (Hello)")}


def test_time_of_a_rebuilt_record_may_differ_from_its_mail_by_two_minutes():
    restored = ada(records={1: sent(1), 2: sent(2, AS_NOTION_SHOWS)})
    at_ms = SIGNUP_MS + 24 * HOUR_MS

    for apart_ms in (-119_999, 119_999):
        assert found(restored, mails=[mail(1), mail(2, subject="changed", created_ms=at_ms + apart_ms)]) == set()
    for apart_ms in (-120_000, 120_000):
        other = mail(2, subject="changed", created_ms=at_ms + apart_ms)
        assert {kind for kind, _, _ in found(restored, mails=[mail(1), other])} == {"missing", "unexplained"}


def test_skipped_step_needs_no_listed_mail_and_does_not_hide_the_next_step():
    skipped = Record(status=DeliveryStatus.SKIPPED, at_ms=SIGNUP_MS, attempts=0, detail="paused")
    assert found(ada(records={1: skipped, 2: sent(2)}), mails=[mail(2)], rows=[row(2)]) == set()


@pytest.mark.parametrize("final_status", [DeliveryStatus.DELIVERED, DeliveryStatus.BOUNCED, DeliveryStatus.COMPLAINED])
def test_delivered_bounced_or_complained_mail_counts_as_accepted(final_status):
    assert found(ada(records={1: sent(1), 2: replace(sent(2), status=final_status)})) == set()


def test_due_mail_without_a_job_is_missing_after_ten_minutes():
    lost = ada(records={1: sent(1)}, next_step=2, waits={})
    due_ms = SIGNUP_MS + 24 * HOUR_MS

    def at(ms):
        return found(lost, mails=[mail(1)], rows=[row(1)], terms=replace(TERMS, now_ms=due_ms + ms))

    assert at(600_000) == set()
    assert at(600_001) == {("missing", 2, "due, and nothing waits to send it")}


@pytest.mark.parametrize(
    ("next_step", "missing"), [(1, {1}), (2, {1, 2}), (None, {1, 2, 3})], ids=["first", "one before", "nobody says"]
)
def test_every_step_up_to_the_next_one_must_be_sent_or_scheduled(next_step, missing):
    lost = ada(records={}, next_step=next_step, waits={})
    terms = replace(TERMS, now_ms=SIGNUP_MS + 100 * HOUR_MS)

    said = found(lost, mails=[], rows=[row()], terms=terms)
    assert said == {("missing", step, "due, and nothing waits to send it") for step in missing}


@pytest.mark.parametrize("put_off_ms", [-HOUR_MS, 0, HOUR_MS])
def test_delivery_overdue_for_more_than_a_day_is_missing_unless_all_sending_waits(put_off_ms):
    due_ms = SIGNUP_MS + 24 * HOUR_MS
    late = ada(records={1: sent(1)}, next_step=2, waits={2: due_ms + put_off_ms})

    def at(ms, **given):
        terms = replace(TERMS, now_ms=due_ms + max(put_off_ms, 0) + ms, **given)
        return found(late, mails=[mail(1)], rows=[row(1)], terms=terms)

    assert at(24 * HOUR_MS) == set()
    assert at(24 * HOUR_MS + 1) == {("missing", 2, "due for more than a day, and not sent")}
    assert at(24 * HOUR_MS + 1, is_waiting=True) == set()


@pytest.mark.parametrize(
    "given",
    [
        {"is_held": True},
        {"status": Status.EXITED, "exit_reason": ExitReason.UNSUBSCRIBED, "next_step": None},
        {"status": Status.COMPLETED, "next_step": None},
    ],
)
def test_nothing_is_due_for_a_held_or_ended_enrollment(given):
    late = ada(records={1: sent(1)}, **{"next_step": 2, "waits": {}, **given})
    assert found(late, mails=[mail(1)], rows=[row(1)], terms=replace(TERMS, now_ms=NOW_MS * 2)) == set()


def test_unclassified_signup_is_missing_after_ten_minutes():
    new = ada(status=Status.ACCEPTED, records={}, next_step=None, waits={})

    def at(ms, **given):
        terms = replace(TERMS, now_ms=SIGNUP_MS + ms)
        return found(replace(new, **given), mails=[], rows=[row()], terms=terms)

    assert at(600_000) == set()
    assert at(600_001) == {("missing", 0, "signed up, and nothing waits to begin")}
    assert at(600_001, waits={0: 1}) == set()


def test_a_date_that_the_ledger_does_not_know_is_unexplained():
    assert found(rows=[row(1, 2, 3)]) == {("unexplained", 3, "Notion shows it as sent, and the ledger does not")}


def test_date_missing_in_notion_is_unexplained_once_the_row_is_current_or_a_day_passed():
    said = ("unexplained", 2, "the ledger says sent, and Notion does not show it")
    assert found(rows=[row(1)]) == {said}
    assert found(ada(mirrored_revision=3), rows=[row(1)]) == set()
    a_day_later = replace(TERMS, now_ms=SIGNUP_MS + 48 * HOUR_MS)
    assert found(ada(mirrored_revision=3), rows=[row(1)], terms=a_day_later) == set()
    later = replace(TERMS, now_ms=a_day_later.now_ms + 1)
    assert found(ada(mirrored_revision=3), rows=[row(1)], terms=later) == {said}


def test_row_missing_in_notion_is_unexplained_once_written_or_a_day_after_the_signup():
    said = ("unexplained", 0, "Notion has no row")
    a_day_later = replace(TERMS, now_ms=SIGNUP_MS + 24 * HOUR_MS)
    assert found(rows=[], terms=a_day_later) == {said}
    assert found(ada(mirrored_revision=3), rows=[], terms=a_day_later) == set()
    assert found(ada(mirrored_revision=3), rows=[], terms=replace(TERMS, now_ms=a_day_later.now_ms + 1)) == {said}


def test_missing_notion_column_is_no_finding():
    assert found(rows=[row(1, columns=(1, 3))]) == set()


def test_no_row_two_rows_and_a_strangers_row_are_unexplained():
    assert found(rows=[]) == {("unexplained", 0, "Notion has no row")}
    assert found(rows=[row(1, 2), row(page_id="p2")]) == {("unexplained", 0, "Notion has 2 rows: page, p2")}
    stranger = row(email="chen@salon.example", page_id="p3")
    assert found(rows=[row(1, 2), stranger]) == {
        ("unexplained", 0, "Notion has a row (page p3), and the ledger does not know whose it is")
    }
    assert found(rows=[row(1, 2), row(email="", page_id="p4")]) == set()


def test_ten_thousand_people_are_compared_in_seconds():
    one = ada()
    people, mails, rows = [], {}, []
    for number in range(10_000):
        email = f"p{number}@salon.example"
        enrollment = replace(one.enrollment, assessment=replace(one.enrollment.assessment, email=email))
        people.append(replace(one, enrollment=enrollment))
        mails[email] = [mail(1), mail(2)] if number != 77 else [mail(1), mail(2), mail(2, "again")]
        rows.append(row(1, 2, email=email))

    assert compare(people, mails, rows, BySubject(), TERMS) == {
        Finding("doubled", "p77@salon.example", 2, "the provider lists again too")
    }
