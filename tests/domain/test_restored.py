"""A contact read back from a row of Notion, and what is wrong with a row that says too little."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from common.domain.contact import Assessment, Consent
from common.domain.enrollment import ExitReason
from common.domain.notion_import import Restored, SequenceRow, Unreadable, by_person, merged, read_row
from common.domain.projection import consent_line

DAY_1 = datetime(2025, 12, 1, 9, 30, tzinfo=UTC)
DAY_1_MS, DAY_2_MS = 1_764_581_400_000, 1_764_667_800_000
COLUMNS = frozenset({"Email", "Exit Reason"})
WHOLE = {
    **{"Email": " Ada@Example.org ", "First Name": " Ada ", "Business Name": "Ada's", "Assessment Score": 38},
    **{"Red Systems": 2, "Orange Systems": 1, "Yellow Systems": 3, "Green Systems": 2, "Signup Date": DAY_1},
    **{"Gps Score": 40, "Money Score": 100, "Weakest System 1": "GPS", "Weakest System 2": "Sales"},
    **{"Revenue Leak": 12_000.5, "Time Zone": "Asia/Tokyo", "Email 1 Sent": DAY_1},
    **{"Email 7 Sent": DAY_1 + timedelta(days=1), "Sequence Completed": False},
    **{"Email 0 Sent": DAY_1, "Email 8 Sent": DAY_1},  # Columns that are not Advent's.
}
ADA = Assessment(
    email="ada@example.org",
    first_name="Ada",
    assessment_score=38,
    business_name="Ada's",
    red_systems=2,
    orange_systems=1,
    yellow_systems=3,
    green_systems=2,
    gps_score=40,
    money_score=100,
    weakest_system_1="GPS",
    weakest_system_2="Sales",
    revenue_leak_total=12_000.5,
    timezone="Asia/Tokyo",
)
READ = Restored(
    assessment=ADA,
    anchor_ms=DAY_1_MS,
    sent_ms={1: DAY_1_MS, 7: DAY_2_MS},
    is_completed=False,
    exit_reason=None,
    page_id="page",
    created="2025-12-01",
    edited="2025-12-02",
)


def row(*, title: str = "", columns: frozenset[str] = COLUMNS, **values: object) -> SequenceRow:
    """Return Ada's row with other values; `_` stands for a blank in a column's name."""
    other = {name.replace("_", " "): value for name, value in values.items()}
    return SequenceRow(
        page_id="page", title=title, created="2025-12-01", edited="2025-12-02", values=WHOLE | other, columns=columns
    )


def wrong(**values: object) -> str:
    with pytest.raises(Unreadable) as caught:
        read_row(row(**values))
    return str(caught.value)


def test_notion_row_is_read_completely():
    assert read_row(row()) == READ


def test_row_title_replaces_a_missing_name_and_blank_values_are_absent():
    read = read_row(row(title=" Ada L. ", First_Name=None, Business_Name="  ", Time_Zone=5, Red_Systems=None))

    assert read.assessment == replace(ADA, first_name="Ada L.", business_name=None, timezone=None, red_systems=0)


@pytest.mark.parametrize("title", ["", "Salon Ada", ADA.email])
def test_a_person_without_a_name_is_restored_without_one(title):
    read = read_row(row(title=title, First_Name=None, Business_Name="Salon Ada"))

    assert read.assessment == replace(ADA, first_name="", business_name="Salon Ada")


@pytest.mark.parametrize(
    "consent",
    [
        Consent(text="I agree | to mails", source="https://site.example/quiz", at_ms=DAY_1_MS),
        Consent(text="I agree"),
        Consent(source="quiz"),
    ],
)
def test_a_consent_is_restored_as_it_was_shown(consent):
    assert read_row(row(Consent=consent_line(consent))).assessment.consent == consent


def test_consent_written_into_the_row_by_hand_is_restored_as_text():
    assert read_row(row(Consent="by telephone")).assessment.consent == Consent(text="by telephone")


@pytest.mark.parametrize("value", [-1, 101, True, "40", None])
def test_invalid_optional_value_is_restored_as_absent(value):
    read = read_row(row(Gps_Score=value, Money_Score=value)).assessment

    assert (read.gps_score, read.money_score) == (None, None)


def test_bounds_are_inclusive_and_a_revenue_leak_has_no_upper_bound():
    read = read_row(row(Assessment_Score=100, Gps_Score=0, Revenue_Leak=1e9)).assessment

    assert (read.assessment_score, read.gps_score, read.revenue_leak_total) == (100, 0, 1e9)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"Email": None}, "Email is empty: enter the person's address"),
        ({"Email": "ada"}, "Email is no address: enter the person's address"),
        ({"Email": "a b@example.org"}, "Email is no address: enter the person's address"),
        ({"Email": "a@b@example.org"}, "Email is no address: enter the person's address"),
        ({"Email": "@example.org"}, "Email is no address: enter the person's address"),
        ({"Email": "ada@"}, "Email is no address: enter the person's address"),
        ({"Signup_Date": None}, "Signup Date is empty: enter the day of the signup"),
        ({"Assessment_Score": None}, "Assessment Score is empty: enter 0 to 100"),
        ({"Assessment_Score": 101}, "Assessment Score is 101: enter 0 to 100"),
        ({"Red_Systems": 1.5}, "Red Systems is 1.5: enter a whole number"),
        ({"Green_Systems": 9}, "Green Systems is 9: enter 0 to 8"),
        ({"Green_Systems": 3}, "the four counts of systems add up to 9: they may be 8 together"),
    ],
)
def test_unreadable_row_is_reported_with_the_cure(values, says):
    assert wrong(**values) == says


def test_unreadable_row_is_reported_with_every_problem_at_once():
    said = wrong(Email=None, Signup_Date=None, Assessment_Score=None)

    assert said.count("; ") == 2


@pytest.mark.parametrize(
    ("values", "columns", "reason"),
    [
        ({"Exit_Reason": "Unsubscribed"}, COLUMNS, ExitReason.UNSUBSCRIBED),
        ({"Exit_Reason": "stopped"}, COLUMNS, ExitReason.STOPPED),
        ({"Exit_Reason": "he said so"}, COLUMNS, ExitReason.UNKNOWN),
        ({"Exit_Reason": "completed", "Sequence_Completed": True}, COLUMNS, None),
        ({"Sequence_Completed": True}, COLUMNS, ExitReason.UNKNOWN),
        ({"Sequence_Completed": True}, COLUMNS - {"Exit Reason"}, ExitReason.UNKNOWN),
        ({"Sequence_Completed": False}, COLUMNS - {"Exit Reason"}, None),
        (
            {"Sequence_Completed": True, **{f"Email_{number}_Sent": DAY_1 for number in range(1, 8)}},
            COLUMNS - {"Exit Reason"},
            None,
        ),
        (
            {
                **{"Sequence_Completed": True, "Assessment_Completed": False},
                **{f"Email_{number}_Sent": DAY_1 for number in range(1, 8)},
            },
            COLUMNS - {"Exit Reason"},
            ExitReason.UNKNOWN,
        ),
    ],
)
def test_exit_is_restored_even_if_its_reason_cannot_be_read(values, columns, reason):
    read = read_row(row(columns=columns, **values))

    assert read.exit_reason is reason
    assert read.is_completed is bool(values.get("Sequence_Completed"))


# several rows of one contact


OLDER = replace(READ, page_id="older", created="2025-11-30", edited="2025-12-01", anchor_ms=DAY_2_MS)


def test_oldest_of_several_rows_is_kept_with_the_assessment_of_the_last_edited_row():
    newest = replace(ADA, first_name="Ada Lovelace")
    one = merged([replace(READ, assessment=newest), OLDER])

    assert one == replace(OLDER, assessment=newest, anchor_ms=DAY_1_MS, differs=True)


def test_rows_of_the_same_minute_are_ordered_by_page_id():
    a, b = replace(READ, page_id="a"), replace(READ, page_id="b", assessment=replace(ADA, first_name="B"))

    assert merged([b, a]) == replace(a, assessment=b.assessment, differs=True)


def test_merged_rows_show_each_step_as_sent_at_its_earliest_time():
    one = merged([replace(READ, sent_ms={1: 5, 2: 9}), replace(OLDER, sent_ms={1: 7, 2: 8, 3: 1})])

    assert one.sent_ms == {1: 5, 2: 8, 3: 1}


def test_end_in_any_row_ends_the_merged_contact():
    one = merged([OLDER, replace(READ, is_completed=True, exit_reason=ExitReason.BOUNCED)])

    assert (one.is_completed, one.exit_reason) == (True, ExitReason.BOUNCED)


def test_rows_are_merged_into_one_per_contact_and_a_single_row_is_unchanged():
    boris = replace(READ, assessment=replace(ADA, email="boris@example.org"))

    assert by_person([boris, READ, OLDER]) == [boris, merged([READ, OLDER])]
    assert by_person([READ]) == [READ]
