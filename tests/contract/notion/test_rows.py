"""Each contact has one row in each database, whichever worker created it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from common.domain.contact import Segment
from common.domain.projection import BOOKED, NotionBookingStatus
from common.providers.notion.mirror import NotionMirror
from tests.contract.notion.people import ADA, ANCHOR_MS, BORIS, MakeMirror, Patience, kept, sent
from tests.contract.notion_fake import FakeNotion


async def test_notion_gets_no_request_before_a_contact_is_shown(make_mirror: MakeMirror, notion: FakeNotion) -> None:
    make_mirror()

    assert notion.asked == []


async def test_a_new_person_gets_one_row_in_each_database(mirror: NotionMirror, notion: FakeNotion) -> None:
    pages = await mirror.show(ADA)

    [row], [contact] = notion.rows("ds-sequence"), notion.rows("ds-contact")
    assert row == {
        "Business": "Salon Ada",
        "Email": "ada@salon.example",
        "First Name": "Ada",
        "Business Name": "Salon Ada",
        "Assessment Score": 62,
        "Red Systems": 1,
        "Orange Systems": 0,
        "Yellow Systems": 0,
        "Green Systems": 0,
        "Campaign": "Christmas 2025",
        "Segment": "URGENT",
        "Signup Date": "2025-11-24T16:00:00.000+00:00",
        **{f"Email {step} Sent": None for step in range(1, 8)},
        "Assessment Completed": True,
        "Sequence Completed": False,
    }
    assert contact == {
        "Name": "Salon Ada",
        "email": "ada@salon.example",
        "Assessment Score": 62,
        "Segment": "URGENT",
        "Christmas Campaign Status": "Nurture Sequence",
        "Booking Status": "Not Booked",
        "Diagnostic Call Date": None,
    }
    assert set(pages) == {"sequence", "sequence_digest", "contact", "contact_digest"}


async def test_an_unchanged_person_costs_no_request_and_a_sent_step_costs_one(
    mirror: NotionMirror, notion: FakeNotion, budget: Patience
) -> None:
    ada = kept(ADA, await mirror.show(ADA))
    notion.requests()
    before = budget.taken

    assert await mirror.show(ada) == ada.pages
    assert notion.requests() == []

    await mirror.show(sent(ada, 1))
    assert notion.requests() == [f"PATCH pages/{ada.pages['sequence']}"]
    assert budget.taken == before + 1
    assert notion.rows("ds-sequence")[0]["Email 1 Sent"] == "2025-11-24T16:00:00.001+00:00"


async def test_existing_row_is_adopted_and_only_differences_are_written(
    make_mirror: MakeMirror, notion: FakeNotion
) -> None:
    ada = await make_mirror().show(ADA)
    notion.requests()

    assert await make_mirror().show(ADA) == ada
    assert [line.split("/")[0] for line in notion.requests() if line.startswith(("POST pages", "PATCH"))] == []

    await make_mirror().show(sent(ADA, 1))
    assert [list(body["properties"]) for body in notion.bodies if body and set(body) == {"properties"}] == [["s%3A12"]]
    assert len(notion.rows("ds-sequence")) == len(notion.rows("ds-contact")) == 1


async def test_another_campaigns_row_of_the_same_person_stays_as_it_is(
    mirror: NotionMirror, notion: FakeNotion
) -> None:
    notion.row("ds-sequence", Email={"email": "ada@salon.example"}, Campaign={"select": {"name": "Easter 2025"}})

    await mirror.show(ADA)

    assert [row["Campaign"] for row in notion.rows("ds-sequence")] == ["Easter 2025", "Christmas 2025"]


async def test_row_without_a_campaign_is_adopted_by_this_campaign(mirror: NotionMirror, notion: FakeNotion) -> None:
    by_hand = notion.row("ds-sequence", Email={"email": "ada@salon.example"})

    pages = await mirror.show(ADA)

    assert pages["sequence"] == by_hand
    assert [row["Campaign"] for row in notion.rows("ds-sequence")] == ["Christmas 2025"]


async def test_booking_in_notion_that_the_ledger_lacks_is_not_overwritten(
    mirror: NotionMirror, notion: FakeNotion
) -> None:
    when = {"date": {"start": "2025-12-01T10:00:00.000+00:00"}}
    booked = {"Booking Status": {"select": {"name": "Booked"}}, "Diagnostic Call Date": when}
    notion.row("ds-contact", email={"email": "ada@salon.example"}, **booked)

    ada = kept(ADA, await mirror.show(ADA))
    await mirror.show(kept(replace(ada, segment=Segment.CRITICAL), {}))

    [row] = notion.rows("ds-contact")
    assert (row["Segment"], row["Booking Status"]) == ("CRITICAL", "Booked")
    assert row["Diagnostic Call Date"] == "2025-12-01T10:00:00.000+00:00"


async def test_booking_in_the_ledger_is_shown_in_notion_and_cleared_again(
    mirror: NotionMirror, notion: FakeNotion
) -> None:
    ada = kept(ADA, await mirror.show(ADA, booking=NotionBookingStatus(status=BOOKED, meeting_ms=ANCHOR_MS)))
    assert notion.rows("ds-contact")[0]["Christmas Campaign Status"] == "Pre-Call Prep"

    await mirror.show(ada, booking=NotionBookingStatus(status="Not Booked"))

    [row] = notion.rows("ds-contact")
    assert (row["Booking Status"], row["Diagnostic Call Date"]) == ("Not Booked", None)


async def test_contact_who_only_booked_a_call_has_a_contact_row_and_no_sequence_row(
    make_mirror: MakeMirror, notion: FakeNotion
) -> None:
    call = NotionBookingStatus(status=BOOKED, meeting_ms=ANCHOR_MS)
    pages = await make_mirror().show(BORIS, booking=call)
    notion.requests()

    [row] = notion.rows("ds-contact")
    assert (row["email"], row["Booking Status"], row["Segment"]) == ("boris@salon.example", "Booked", None)
    assert row["Christmas Campaign Status"] == "Pre-Call Prep"
    assert "Boris" in row.values()
    assert notion.rows("ds-sequence") == []
    assert set(pages) == {"contact", "contact_digest"}
    assert await make_mirror().show(replace(BORIS, pages=pages), booking=call) == pages
    assert not [asked for asked in notion.requests() if asked.startswith(("PATCH", "POST"))]
    assert await make_mirror(contact_db=None).show(BORIS, booking=call) == {}


async def test_row_created_by_a_person_keeps_its_title(mirror: NotionMirror, notion: FakeNotion) -> None:
    written = {"Name": {"title": [{"type": "text", "text": {"content": "Salon Boris"}, "plain_text": "Salon Boris"}]}}
    notion.row("ds-contact", email={"email": "boris@salon.example"}, **written)

    await mirror.show(BORIS, booking=NotionBookingStatus(status=BOOKED, meeting_ms=ANCHOR_MS))

    [row] = notion.rows("ds-contact")
    assert (row["Name"], row["Booking Status"]) == ("Salon Boris", "Booked")


async def test_only_the_database_that_is_configured_is_shown(make_mirror: MakeMirror, notion: FakeNotion) -> None:
    pages = await make_mirror(contact_db=None).show(ADA)

    assert set(pages) == {"sequence", "sequence_digest"}
    assert notion.rows("ds-contact") == []


@pytest.mark.parametrize(
    ("business", "first_name", "title"),
    [
        ("Salon Ada", "Ada", "Salon Ada"),
        (None, "Ada", "Ada"),
        ("Click www.evil.example now", "Ada", "Ada"),
        ("", "You won $900 visit xyz.example/claim", "ada@salon.example"),
        (None, "undefined", "ada@salon.example"),
    ],
)
async def test_row_title_falls_back_from_business_to_name_to_address(
    mirror: NotionMirror, notion: FakeNotion, business: str | None, first_name: str, title: str
) -> None:
    assessment = replace(ADA.assessment, business_name=business, first_name=first_name)

    await mirror.show(replace(ADA, assessment=assessment))

    assert [title, title] == [notion.rows("ds-sequence")[0]["Business"], notion.rows("ds-contact")[0]["Name"]]
