"""The ledger reads back exactly what it wrote."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.domain.contact import Assessment
from common.ledger.codec import (
    assessment_fields,
    lengthened,
    page_fields,
    read_assessment,
    read_pages,
    read_record,
    shortened,
)

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


def test_missing_assessment_answers_take_no_space():
    sparse = Assessment(email="a@example.org", first_name="Ada", assessment_score=50)

    reported = '["Ada",null,null,null,null,null,null,50,0,0,0,0]'
    assert assessment_fields(sparse) == {"email": "a@example.org", "assessment": reported}


def test_a_record_keeps_spaces_in_its_reason():
    record = read_record("dead 10 4 0 4 tries failed, the last with 503")

    assert (record.status, record.attempts, record.sent_ms) == ("dead", 4, None)
    assert record.detail == "4 tries failed, the last with 503"


@pytest.mark.parametrize(("sent", "sent_ms"), [("+0", 5_000), ("-1500", 3_500), ("+20", 5_020), ("0", None)])
def test_record_has_the_time_of_sending_next_to_the_time_of_its_status(sent, sent_ms):
    assert read_record(f"delivered 5000 1 {sent} re_1").sent_ms == sent_ms


@given(st.uuids().map(str) | st.binary(min_size=8, max_size=8).map(bytes.hex) | st.from_regex(r"~*[\w-]*") | st.text())
def test_an_id_is_read_back_as_it_was(id):
    assert lengthened(shortened(id)) == id


def test_notion_id_and_digest_are_stored_in_half_their_length():
    page, digest = "31d5fd78-7144-509a-8d85-f21d3c7d3f51", "31d5fd787144509a"
    pages = {"sequence": page, "sequence_digest": digest}

    assert page_fields(pages) == {"page:sequence": "~MdX9eHFEUJqNhfIdPH0_UQ ~MdX9eHFEUJo"}
    assert read_pages(page_fields(pages)) == pages


def test_page_with_an_uncertain_digest_is_stored_without_it():
    assert read_pages(page_fields({"contact": "page-1", "contact_digest": ""})) == {"contact": "page-1"}
