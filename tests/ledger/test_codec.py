"""What the ledger writes, it reads."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from common.domain.contact import Assessment
from common.ledger.codec import assessment_fields, read_assessment, read_record

texts = st.none() | st.text(min_size=1, max_size=50)
numbers = st.none() | st.integers(0, 100) | st.floats(0, 100, allow_nan=False)
people = st.builds(
    Assessment,
    email=st.text(min_size=3),
    first_name=st.text(min_size=1),
    assessment_score=st.integers(0, 100) | st.floats(0, 100, allow_nan=False),
    business_name=texts,
    red_systems=st.integers(0, 8),
    orange_systems=st.integers(0, 8),
    yellow_systems=st.integers(0, 8),
    green_systems=st.integers(0, 8),
    gps_score=numbers,
    money_score=numbers,
    weakest_system_1=texts,
    weakest_system_2=texts,
    strongest_system=texts,
    revenue_leak_total=st.none() | st.floats(0, 1e15, allow_nan=False) | st.integers(0, 10**15),
    phone=texts,
    timezone=texts,
    locale=texts,
    extra=st.dictionaries(st.text(), st.integers() | st.text(), max_size=3),
)


@given(people)
def test_an_assessment_is_read_back_as_it_was(person):
    assert read_assessment(assessment_fields(person)) == person


def test_what_was_not_told_takes_no_room():
    sparse = Assessment(email="a@example.org", first_name="Ada", assessment_score=50)

    told = '["Ada",null,null,null,null,null,null,50,0,0,0,0]'
    assert assessment_fields(sparse) == {"email": "a@example.org", "told": told}


def test_a_record_keeps_spaces_in_its_reason():
    record = read_record("dead 10 4 0 4 tries failed, the last with 503")

    assert (record.fate, record.attempts, record.sent_ms) == ("dead", 4, None)
    assert record.detail == "4 tries failed, the last with 503"
