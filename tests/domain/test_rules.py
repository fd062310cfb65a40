"""The domain's rules: tested exhaustively where possible, otherwise by their properties."""

from __future__ import annotations

from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.domain.cadence import Cadence, Pace
from common.domain.contact import Assessment, Segment, segment_of
from common.domain.delivery import DeliveryStatus, Record
from common.domain.enrollment import Enrollment, ExitReason, Status
from common.domain.ids import (
    EnrollmentId,
    address_hash,
    enrollment_id,
    is_enrollment_id,
    normal_address,
    split_delivery_id,
    step_delivery_id,
    step_of,
)
from common.domain.mail import Mail
from common.domain.retry import KEY_REMEMBERED_MS, may_repeat
from common.domain.suppression import Unsubscribe

COUNTS = [counts for counts in product(range(9), repeat=4) if sum(counts) <= 8]


def test_every_combination_of_counts_has_its_segment():
    assert len(COUNTS) == 495
    for red, orange, yellow, green in COUNTS:
        expected = "CRITICAL" if red >= 2 else "URGENT" if red == 1 or orange >= 2 else "OPTIMIZE"

        person = Assessment(
            email="a@example.org",
            first_name="Ada",
            assessment_score=50,
            red_systems=red,
            orange_systems=orange,
            yellow_systems=yellow,
            green_systems=green,
        )
        assert person.segment == expected


@pytest.mark.parametrize(
    ("red", "orange", "segment"),
    [(2, 0, "CRITICAL"), (1, 8, "URGENT"), (0, 2, "URGENT"), (0, 1, "OPTIMIZE"), (0, 0, "OPTIMIZE")],
)
def test_the_borders_of_the_segments(red, orange, segment):
    assert segment_of(red=red, orange=orange) is Segment(segment)


def test_an_enrollment_id_is_the_same_on_any_machine_and_for_any_spelling_of_the_address():
    assert enrollment_id("christmas_2025", " Ada@Example.org ") == "enr_qh3licyzwdlbgxwp"
    assert enrollment_id("christmas_2025", "ada@example.org") == "enr_qh3licyzwdlbgxwp"
    assert enrollment_id("easter_2026", "ada@example.org") != "enr_qh3licyzwdlbgxwp"


@given(st.text(min_size=1, max_size=80), st.integers(1, 7))
def test_ids_name_their_kind_owner_and_step(address, step):
    enrollment = enrollment_id("christmas_2025", address)
    owner, name = split_delivery_id(step_delivery_id(enrollment, step))

    assert is_enrollment_id(enrollment)
    assert (owner, step_of(name)) == (enrollment, step)
    assert enrollment == enrollment_id("christmas_2025", normal_address(address))


def test_reminder_name_is_not_a_step():
    with pytest.raises(ValueError, match="5/24h is not a step"):
        step_of("5/24h")


@given(
    st.lists(st.integers(0, 10_000_000_000), min_size=1, max_size=12, unique=True).map(sorted),
    st.floats(0.01, 10_000),
    st.integers(1_500_000_000_000, 1_900_000_000_000),
)
def test_cadence_rises_strictly_at_any_speed_or_raises_value_error(offsets, speed, anchor):
    pace = Pace(testing=False, speed=speed)
    divided = tuple(pace.divided(offset) for offset in offsets)
    if any(b <= a for a, b in pairwise(divided)):
        with pytest.raises(ValueError, match="must rise strictly"):
            Cadence(divided, 0)
        return
    cadence = Cadence(divided, 0)
    due = [cadence.due_ms(anchor_ms=anchor, step=step) for step in cadence.steps]

    assert all(later > earlier for earlier, later in pairwise(due))
    assert due[0] == anchor + divided[0]


def test_cadence_has_no_step_before_its_first_or_after_its_last():
    cadence = Cadence((0, 5), 0)
    with pytest.raises(IndexError):
        cadence.due_ms(anchor_ms=0, step=3)
    with pytest.raises(IndexError):
        cadence.due_ms(anchor_ms=0, step=0)
    with pytest.raises(ValueError, match="at least one step"):
        Cadence((), 0)


def _enrollment(status: Status, *, reason: ExitReason | None = None, records: dict[int, Record] | None = None):
    return Enrollment(
        id=EnrollmentId("enr_aaaaaaaaaaaaaaaa"),
        campaign="christmas_2025",
        status=status,
        segment=Segment.URGENT,
        assessment=Assessment(email="a@example.org", first_name="Ada", assessment_score=50),
        anchor_ms=0,
        assessed_ms=0,
        exit_reason=reason,
        records=records or {},
    )


def test_every_step_has_one_status_and_one_reason():
    sent = Record(status=DeliveryStatus.ACCEPTED, at_ms=1, attempts=1, detail="re_1", sent_ms=1)

    assert _enrollment(Status.ACTIVE, records={1: sent}).step_status(1) == (DeliveryStatus.ACCEPTED, "re_1")
    assert _enrollment(Status.ACTIVE).step_status(2) == (DeliveryStatus.PLANNED, "")
    left = _enrollment(Status.EXITED, reason=ExitReason.BOUNCED, records={1: sent})
    assert left.step_status(1) == (DeliveryStatus.ACCEPTED, "re_1")
    assert left.step_status(2) == (DeliveryStatus.SKIPPED, "bounced")


def test_sent_counts_what_the_provider_accepted_and_nothing_else():
    assert {final_status for final_status in DeliveryStatus if final_status.is_sent} == {
        DeliveryStatus.ACCEPTED,
        DeliveryStatus.DELIVERED,
        DeliveryStatus.BOUNCED,
        DeliveryStatus.COMPLAINED,
    }
    assert {final_status for final_status in DeliveryStatus if not final_status.is_final} == {DeliveryStatus.PLANNED}


@pytest.mark.parametrize(
    ("first", "unknown", "age", "allowed"),
    [
        (None, False, 0, True),
        (0, False, 10 * KEY_REMEMBERED_MS, True),
        (0, True, KEY_REMEMBERED_MS - 1, True),
        (0, True, KEY_REMEMBERED_MS, False),
    ],
)
def test_attempt_of_unknown_outcome_is_repeated_only_while_the_provider_knows_its_key(first, unknown, age, allowed):
    assert may_repeat(first_ms=first, outcome_unknown=unknown, now_ms=age) is allowed


@given(st.text(max_size=60), st.text(min_size=1, max_size=40))
def test_unsubscribe_link_is_read_back_and_cannot_be_forged(address, secret):
    link = Unsubscribe(enrollment_id("christmas_2025", address), address_hash(secret, address))
    token = link.token(secret)

    assert Unsubscribe.from_token(token, secret) == link
    assert Unsubscribe.from_token(token, secret + "x") is None
    assert Unsubscribe.from_token(token[:-1] + ("A" if token[-1] != "A" else "B"), secret) is None


@given(st.text(max_size=200))
def test_arbitrary_text_is_not_an_unsubscribe_link(text):
    assert Unsubscribe.from_token(text, "secret") is None


def test_address_hash_hides_the_address_and_depends_on_the_secret():
    mark = address_hash("secret", "Ada@example.org ")

    assert mark == address_hash("secret", "ada@example.org")
    assert mark != address_hash("other", "ada@example.org")
    assert "ada" not in mark


@given(st.text(), st.text(), st.dictionaries(st.text(), st.text(), max_size=3))
def test_a_frozen_mail_thaws_to_the_same_bytes(subject, html, headers):
    mail = Mail(
        sender="a",
        to="b",
        subject=subject,
        html=html,
        text="t",
        reply_to=None,
        headers=headers,
        tags={"step": "step-1"},
    )

    assert Mail.thawed(mail.frozen()) == mail
    assert Mail.thawed(mail.frozen()).frozen() == mail.frozen()
