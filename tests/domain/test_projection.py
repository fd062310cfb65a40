"""What Notion shows of Ada, who gets every mail, and of contacts who leave."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from common.domain.contact import Assessment, Consent
from common.domain.delivery import DeliveryStatus, Record
from common.domain.enrollment import Enrollment, ExitReason, Status
from common.domain.ids import enrollment_id
from common.domain.projection import (
    BOOKED,
    NO_SHOW,
    USED_COLUMNS,
    CampaignColumns,
    FieldColumn,
    NotionBookingStatus,
    Row,
    contact_row,
    sequence_row,
    unenrolled_contact_row,
)
from common.providers.notion.schema import SEQUENCE

CHRISTMAS = CampaignColumns(name="Christmas 2025")
ANCHOR_MS = 1_764_000_000_123
ADA = Assessment(
    email="ada@salon.example",
    first_name="Ada",
    assessment_score=62.5,
    business_name="Salon Ada",
    red_systems=1,
    yellow_systems=3,
    green_systems=4,
    gps_score=40,
    weakest_system_1="GPS",
    revenue_leak_total=1200,
    timezone="America/Toronto",
)
ENROLLED = Enrollment(
    id=enrollment_id("christmas_2025", ADA.email),
    campaign="christmas_2025",
    status=Status.ACTIVE,
    segment=ADA.segment,
    assessment=ADA,
    anchor_ms=ANCHOR_MS,
    assessed_ms=ANCHOR_MS,
)


def sent(at_ms: int, final_status: DeliveryStatus = DeliveryStatus.ACCEPTED) -> Record:
    return Record(status=final_status, at_ms=at_ms + 60_000, attempts=1, detail="id", sent_ms=at_ms)


def sequence(enrollment: Enrollment) -> dict[str, object]:
    return dict(sequence_row(enrollment, CHRISTMAS, title="Ada").values)


def test_sequence_row_of_a_new_contact_has_every_reported_value_and_no_sent_date() -> None:
    assert {
        "Email": "ada@salon.example",
        "First Name": "Ada",
        "Business Name": "Salon Ada",
        "Assessment Score": 62.5,
        "Red Systems": 1,
        "Orange Systems": 0,
        "Yellow Systems": 3,
        "Green Systems": 4,
        "Campaign": "Christmas 2025",
        "Segment": "URGENT",
        "Signup Date": datetime(2025, 11, 24, 16, 0, 0, 123_000, UTC),
        "Assessment Completed": True,
        "Enrollment ID": ENROLLED.id,
        "Time Zone": "America/Toronto",
        "Weakest System 1": "GPS",
        "Weakest System 2": None,
        "Gps Score": 40,
        "Money Score": None,
        "Revenue Leak": 1200,
        "Consent": None,
    } == sequence(ENROLLED)


def test_sequence_row_shows_the_consent() -> None:
    consent = Consent(text="I agree", source="https://site.example/quiz|1", at_ms=ANCHOR_MS)
    agreed = replace(ENROLLED, assessment=replace(ADA, consent=consent))

    assert sequence(agreed)["Consent"] == "2025-11-24T16:00:00.123+00:00 | https://site.example/quiz/1 | I agree"


def test_sequence_row_shows_when_a_step_was_accepted_whatever_happened_later() -> None:
    records = {
        1: sent(ANCHOR_MS, DeliveryStatus.DELIVERED),
        2: sent(ANCHOR_MS + 1_000, DeliveryStatus.BOUNCED),
        3: Record(status=DeliveryStatus.SKIPPED, at_ms=ANCHOR_MS, attempts=0, detail="expired"),
        4: Record(status=DeliveryStatus.DEAD, at_ms=ANCHOR_MS, attempts=4, detail="422"),
        7: sent(ANCHOR_MS + 2_000),
        8: sent(ANCHOR_MS + 3_000),
    }

    shown = sequence(replace(ENROLLED, records=records))

    assert {
        "Email 1 Sent": datetime(2025, 11, 24, 16, 0, 0, 123_000, UTC),
        "Email 2 Sent": datetime(2025, 11, 24, 16, 0, 1, 123_000, UTC),
        "Email 7 Sent": datetime(2025, 11, 24, 16, 0, 2, 123_000, UTC),
    } == {name: value for name, value in shown.items() if name.startswith("Email ")}


@pytest.mark.parametrize(
    ("status", "reason", "ending"),
    [
        (Status.ACCEPTED, None, {}),
        (Status.ACTIVE, None, {}),
        (Status.COMPLETED, None, {"Sequence Completed": True, "Exit Reason": "completed"}),
        (Status.EXITED, ExitReason.UNSUBSCRIBED, {"Sequence Completed": True, "Exit Reason": "unsubscribed"}),
        (Status.EXITED, ExitReason.BOUNCED, {"Sequence Completed": True, "Exit Reason": "bounced"}),
    ],
)
def test_exited_contact_is_shown_with_a_completed_sequence_and_the_reason(
    status: Status, reason: ExitReason | None, ending: dict[str, object]
) -> None:
    shown = sequence(replace(ENROLLED, status=status, exit_reason=reason))

    assert ending == {name: shown[name] for name in ("Sequence Completed", "Exit Reason") if name in shown}


def test_contact_without_a_known_booking_is_shown_as_not_booked_only_if_the_cell_is_empty() -> None:
    row = contact_row(ENROLLED, CHRISTMAS, title="Ada")

    assert row.values == {
        "email": "ada@salon.example",
        "Assessment Score": 62.5,
        "Segment": "URGENT",
        "Christmas Campaign Status": "Nurture Sequence",
    }
    assert row.if_empty == {"Booking Status": "Not Booked"}


@pytest.mark.parametrize(
    ("status", "columns"),
    [
        (
            NotionBookingStatus(status=BOOKED, meeting_ms=ANCHOR_MS),
            ("Pre-Call Prep", "Booked", datetime(2025, 11, 24, 16, 0, 0, 123_000, UTC)),
        ),
        (NotionBookingStatus(status=NO_SHOW), ("Nurture Sequence", "No-Show", None)),
    ],
)
def test_known_booking_is_shown_with_its_status(status: NotionBookingStatus, columns: tuple[object, ...]) -> None:
    row = contact_row(ENROLLED, CHRISTMAS, title="Ada", booking=status)

    names = ("Christmas Campaign Status", "Booking Status", "Diagnostic Call Date")
    assert columns == tuple(row.values[name] for name in names)
    assert row.if_empty == {}


def test_contact_who_only_booked_is_shown_with_what_the_booking_reported() -> None:
    booked = NotionBookingStatus(status=BOOKED, meeting_ms=ANCHOR_MS)

    assert unenrolled_contact_row("boris@salon.example", CHRISTMAS, title="Boris", booking=booked) == Row(
        title="Boris",
        values={
            "email": "boris@salon.example",
            "Christmas Campaign Status": "Pre-Call Prep",
            "Booking Status": "Booked",
            "Diagnostic Call Date": datetime(2025, 11, 24, 16, 0, 0, 123_000, UTC),
        },
        keeps_title=True,
    )


def test_unenrolled_contact_without_a_call_is_not_booked() -> None:
    row = unenrolled_contact_row("boris@salon.example", CHRISTMAS, title="Boris", booking=None)

    assert row.values["Booking Status"] == "Not Booked"
    assert row.values["Christmas Campaign Status"] == "Nurture Sequence"
    assert row.values["Diagnostic Call Date"] is None


def test_complaint_after_the_last_mail_is_shown_as_completed_with_the_reason() -> None:
    ended = replace(ENROLLED, status=Status.COMPLETED, exit_reason=ExitReason.COMPLAINED)

    assert sequence(ended)["Sequence Completed"] is True
    assert sequence(ended)["Exit Reason"] == "complained"


def test_exit_without_a_known_reason_is_shown_as_unknown() -> None:
    assert sequence(replace(ENROLLED, status=Status.EXITED))["Exit Reason"] == "unknown"


def test_completed_sequence_without_some_mails_is_shown_with_an_exit_reason() -> None:
    ended = replace(ENROLLED, status=Status.COMPLETED, records=_sent(1, 2, 4, 5, 6, 7))

    assert sequence(ended)["Exit Reason"] == "completed"
    assert "Exit Reason" not in sequence(replace(ended, records=_sent(1, 2, 3, 4, 5, 6, 7)))


def test_exit_after_the_last_mail_is_marked_even_without_a_reason_column() -> None:
    ended = replace(ENROLLED, status=Status.COMPLETED, records=_sent(1, 2, 3, 4, 5, 6, 7))
    left = replace(ended, exit_reason=ExitReason.UNSUBSCRIBED)

    assert sequence_row(left, CHRISTMAS, title="").if_lacking == {"Exit Reason": {"Assessment Completed": False}}
    assert sequence_row(ended, CHRISTMAS, title="").if_lacking == {}


def _sent(*steps: int) -> dict[int, Record]:
    accepted = Record(status=DeliveryStatus.ACCEPTED, at_ms=1, attempts=1, sent_ms=ANCHOR_MS, detail="id")
    return dict.fromkeys(steps, accepted)


def test_campaigns_own_field_is_shown_in_its_column() -> None:
    fields = {
        "team_size": FieldColumn("Team Size", "number"),
        "goal": FieldColumn("Goal", "select"),
        "is_open": FieldColumn("Open", "checkbox"),
    }
    reported = replace(ENROLLED, assessment=replace(ADA, extra={"team_size": 4, "goal": 7, "is_open": True}))

    row = sequence_row(reported, replace(CHRISTMAS, fields=fields), title="Ada").values

    # A value that no longer has its field's type, because the campaign changed, is left empty.
    assert {name: row[name] for name in ("Team Size", "Goal", "Open")} == {"Team Size": 4, "Goal": None, "Open": True}


def test_columns_that_every_campaign_has_are_reserved() -> None:
    assert {*SEQUENCE.columns, *SEQUENCE.optional} == USED_COLUMNS
