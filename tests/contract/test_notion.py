"""One row a person, whatever Notion answers: the mirror over the real SDK and loopback HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest
import redis.asyncio

from common.clock import VirtualClock
from common.domain.contact import Assessment
from common.domain.delivery import Fate, Record
from common.domain.enrollment import Enrollment, Status
from common.domain.ids import enrollment_id
from common.domain.projection import BOOKED, BookingStanding
from common.domain.segment import Segment
from common.domain.standing import Caller
from common.errors import Ambiguous, Failure, Misconfigured, Permanent, Throttled, Transient
from common.providers.budget import Unlimited
from common.providers.guard import StoreCreateGuard
from common.providers.notion import NotionMirror
from tests.contract.notion_fake import CONTACT_ID, SEQUENCE_ID, FakeNotion, fake_notion
from tests.contract.scripted import Answer, hangs, hangs_up, nobody_listens, says

ANCHOR_MS = 1_764_000_000_000
ADA = Enrollment(
    id=enrollment_id("christmas_2025", "ada@salon.example"),
    campaign="christmas_2025",
    status=Status.ACTIVE,
    segment=Segment.URGENT,
    assessment=Assessment(
        email="ada@salon.example", first_name="Ada", assessment_score=62, business_name="Salon Ada", red_systems=1
    ),
    anchor_ms=ANCHOR_MS,
    assessed_ms=ANCHOR_MS,
)


class Patience(Unlimited):
    """Counts requests, and hears what the provider asks for."""

    def __init__(self) -> None:
        self.taken = 0
        self.pushed: list[int] = []

    async def take(self) -> None:
        self.taken += 1

    async def push(self, retry_after_ms: int) -> None:
        self.pushed.append(retry_after_ms)


Make = Callable[..., NotionMirror]


BORIS = Caller(
    id=enrollment_id("christmas_2025", "boris@salon.example"), email="boris@salon.example", first_name="Boris"
)


@pytest.fixture
async def notion() -> AsyncIterator[FakeNotion]:
    async with fake_notion() as notion:
        yield notion


@pytest.fixture
def budget() -> Patience:
    return Patience()


@pytest.fixture
async def make(
    notion: FakeNotion, store: redis.asyncio.Redis, clock: VirtualClock, budget: Patience
) -> AsyncIterator[Make]:
    made: list[NotionMirror] = []

    def mirror(**options: Any) -> NotionMirror:
        defaults: dict[str, Any] = {"base_url": notion.url, "sequence_db": SEQUENCE_ID, "contact_db": CONTACT_ID}
        guard = StoreCreateGuard(store, clock=clock)
        fixed = {"campaign_name": "Christmas 2025", "budget": budget, "guard": guard, "clock": clock, "timeout_s": 3}
        made.append(NotionMirror("ntn_1", **fixed | defaults | options))
        return made[-1]

    yield mirror
    for each in made:
        await each.close()


@pytest.fixture
def mirror(make: Make) -> NotionMirror:
    return make()


def kept(enrollment: Enrollment, pages: dict[str, str]) -> Enrollment:
    return replace(enrollment, pages=enrollment.pages | pages)


def sent(enrollment: Enrollment, step: int) -> Enrollment:
    record = Record(fate=Fate.ACCEPTED, at_ms=ANCHOR_MS, attempts=1, detail="id", sent_ms=ANCHOR_MS + step)
    return replace(enrollment, records=enrollment.records | {step: record})


def error(status: int, code: str, more: dict[str, Any] | None = None, headers: dict[str, str] | None = None) -> Answer:
    body: dict[str, Any] = {"object": "error", "status": status, "code": code, "message": "said so", "request_id": "r"}
    return says(status, body | ({"additional_data": more} if more else {}), headers)


async def failure_of(mirror: NotionMirror, enrollment: Enrollment = ADA) -> Failure:
    with pytest.raises(Failure) as raised:
        await mirror.show(enrollment)
    return raised.value


# A person and their rows.


async def test_nothing_is_asked_of_notion_before_there_is_somebody_to_show(make: Make, notion: FakeNotion) -> None:
    make()

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


async def test_a_row_that_is_there_is_adopted_and_only_what_differs_is_written(make: Make, notion: FakeNotion) -> None:
    ada = await make().show(ADA)
    notion.requests()

    assert await make().show(ADA) == ada
    assert [line.split("/")[0] for line in notion.requests() if line.startswith(("POST pages", "PATCH"))] == []

    await make().show(sent(ADA, 1))
    assert [list(body["properties"]) for body in notion.bodies if body and set(body) == {"properties"}] == [["s%3A12"]]
    assert len(notion.rows("ds-sequence")) == len(notion.rows("ds-contact")) == 1


async def test_another_campaigns_row_of_the_same_person_stays_as_it_is(
    mirror: NotionMirror, notion: FakeNotion
) -> None:
    notion.row("ds-sequence", Email={"email": "ada@salon.example"}, Campaign={"select": {"name": "Easter 2025"}})

    await mirror.show(ADA)

    assert [row["Campaign"] for row in notion.rows("ds-sequence")] == ["Easter 2025", "Christmas 2025"]


async def test_a_row_without_a_campaign_is_taken_for_this_one(mirror: NotionMirror, notion: FakeNotion) -> None:
    by_hand = notion.row("ds-sequence", Email={"email": "ada@salon.example"})

    pages = await mirror.show(ADA)

    assert pages["sequence"] == by_hand
    assert [row["Campaign"] for row in notion.rows("ds-sequence")] == ["Christmas 2025"]


async def test_a_booking_that_we_do_not_know_of_is_not_overwritten(mirror: NotionMirror, notion: FakeNotion) -> None:
    when = {"date": {"start": "2025-12-01T10:00:00.000+00:00"}}
    booked = {"Booking Status": {"select": {"name": "Booked"}}, "Diagnostic Call Date": when}
    notion.row("ds-contact", email={"email": "ada@salon.example"}, **booked)

    ada = kept(ADA, await mirror.show(ADA))
    await mirror.show(kept(replace(ada, segment=Segment.CRITICAL), {}))

    [row] = notion.rows("ds-contact")
    assert (row["Segment"], row["Booking Status"]) == ("CRITICAL", "Booked")
    assert row["Diagnostic Call Date"] == "2025-12-01T10:00:00.000+00:00"


async def test_a_booking_that_we_know_of_is_shown_and_cleared_again(mirror: NotionMirror, notion: FakeNotion) -> None:
    ada = kept(ADA, await mirror.show(ADA, booking=BookingStanding(status=BOOKED, meeting_ms=ANCHOR_MS)))
    assert notion.rows("ds-contact")[0]["Christmas Campaign Status"] == "Pre-Call Prep"

    await mirror.show(ada, booking=BookingStanding(status="Not Booked"))

    [row] = notion.rows("ds-contact")
    assert (row["Booking Status"], row["Diagnostic Call Date"]) == ("Not Booked", None)


async def test_who_only_booked_a_call_is_in_the_contacts_and_in_no_sequence(make: Make, notion: FakeNotion) -> None:
    call = BookingStanding(status=BOOKED, meeting_ms=ANCHOR_MS)
    pages = await make().show(BORIS, booking=call)
    notion.requests()

    [row] = notion.rows("ds-contact")
    assert (row["email"], row["Booking Status"], row["Segment"]) == ("boris@salon.example", "Booked", None)
    assert row["Christmas Campaign Status"] == "Pre-Call Prep"
    assert "Boris" in row.values()
    assert notion.rows("ds-sequence") == []
    assert set(pages) == {"contact", "contact_digest"}
    assert await make().show(replace(BORIS, pages=pages), booking=call) == pages
    assert not [asked for asked in notion.requests() if asked.startswith(("PATCH", "POST"))]
    assert await make(contact_db=None).show(BORIS, booking=call) == {}


async def test_a_row_that_somebody_wrote_keeps_its_title(mirror: NotionMirror, notion: FakeNotion) -> None:
    written = {"Name": {"title": [{"type": "text", "text": {"content": "Salon Boris"}, "plain_text": "Salon Boris"}]}}
    notion.row("ds-contact", email={"email": "boris@salon.example"}, **written)

    await mirror.show(BORIS, booking=BookingStanding(status=BOOKED, meeting_ms=ANCHOR_MS))

    [row] = notion.rows("ds-contact")
    assert (row["Name"], row["Booking Status"]) == ("Salon Boris", "Booked")


async def test_only_the_database_that_is_configured_is_shown(make: Make, notion: FakeNotion) -> None:
    pages = await make(contact_db=None).show(ADA)

    assert set(pages) == {"sequence", "sequence_digest"}
    assert notion.rows("ds-contact") == []


# Doubled rows.


def double(notion: FakeNotion, **more: Any) -> str:
    campaign = {"select": {"name": "Christmas 2025"}}
    return notion.row("ds-sequence", Email={"email": "ada@salon.example"}, Campaign=campaign, **more)


async def test_of_several_rows_the_oldest_is_kept_and_copies_go_to_the_trash(
    mirror: NotionMirror, notion: FakeNotion
) -> None:
    oldest, *copies = [double(notion) for _ in range(3)]

    pages = await mirror.show(ADA)

    assert pages["sequence"] == oldest
    assert [notion.pages[page]["in_trash"] for page in (oldest, *copies)] == [False, True, True]


async def test_a_copy_that_somebody_worked_on_is_left_alone(mirror: NotionMirror, notion: FakeNotion) -> None:
    notion.add_column("ds-sequence", "Notes", "rich_text")
    notes = {"rich_text": [{"text": {"content": "called her"}}]}
    _, with_notes, edited, without = double(notion), double(notion, Notes=notes), double(notion), double(notion)
    notion.pages[edited]["last_edited_by"] = {"id": "somebody"}

    await mirror.show(ADA)

    assert [notion.pages[page]["in_trash"] for page in (with_notes, edited, without)] == [False, False, True]


async def test_a_second_row_that_is_not_this_campaigns_for_certain_is_left_alone(
    mirror: NotionMirror, notion: FakeNotion
) -> None:
    for _ in range(2):
        notion.row("ds-sequence", Email={"email": "ada@salon.example"})

    await mirror.show(ADA)

    assert len(notion.rows("ds-sequence")) == 2


# Pages that went away.


@pytest.mark.parametrize("how", ["trashed", "trashed but editable", "deleted"])
async def test_a_page_that_went_away_is_looked_for_and_made_again(
    how: str, mirror: NotionMirror, notion: FakeNotion
) -> None:
    ada = kept(ADA, await mirror.show(ADA))
    notion.edits_trash = how == "trashed but editable"
    if how.startswith("trashed"):
        notion.pages[ada.pages["sequence"]]["in_trash"] = True
    else:
        notion.pages["another"] = notion.pages.pop(ada.pages["sequence"]) | {"id": "another", "in_trash": True}

    pages = await mirror.show(sent(ada, 1))

    assert pages["sequence"] != ada.pages["sequence"]
    [row] = notion.rows("ds-sequence")
    assert row["Email 1 Sent"] is not None


async def test_a_page_that_went_away_while_another_row_is_there_gives_way_to_it(
    mirror: NotionMirror, notion: FakeNotion
) -> None:
    ada = kept(ADA, await mirror.show(ADA))
    notion.pages[ada.pages["sequence"]]["in_trash"] = True
    other = double(notion)

    assert (await mirror.show(sent(ada, 1)))["sequence"] == other
    assert len(notion.rows("ds-sequence")) == 1


# Creates whose answer is lost.


@pytest.mark.parametrize("answer", [hangs_up(), hangs(), error(500, "internal_server_error"), says(200, "<html>")])
async def test_a_create_whose_answer_is_lost_is_looked_for_before_it_is_repeated(
    answer: Answer, mirror: NotionMirror, notion: FakeNotion
) -> None:
    notion.fails("POST pages", answer, committed=True)

    assert type(await failure_of(mirror)) is Ambiguous
    await mirror.show(ADA)

    assert len(notion.rows("ds-sequence")) == len(notion.rows("ds-contact")) == 1


async def test_a_create_that_was_lost_is_repeated_when_it_has_settled(
    mirror: NotionMirror, notion: FakeNotion, clock: VirtualClock
) -> None:
    notion.fails("POST pages", hangs_up())
    assert type(await failure_of(mirror)) is Ambiguous

    failure = await failure_of(mirror)
    assert (type(failure), failure.code) == (Transient, "create_in_doubt")
    assert notion.rows("ds-sequence") == []

    clock.advance(30_000)
    await mirror.show(ADA)
    assert len(notion.rows("ds-sequence")) == len(notion.rows("ds-contact")) == 1


async def test_while_queries_lag_nothing_is_doubled(make: Make, notion: FakeNotion, clock: VirtualClock) -> None:
    notion.lagging = True
    notion.fails("POST pages", hangs_up(), committed=True)
    assert type(await failure_of(make())) is Ambiguous
    for _ in range(3):
        clock.advance(5_000)
        assert (await failure_of(make())).code == "create_in_doubt"

    notion.hidden.clear()
    await make().show(ADA)

    assert len(notion.rows("ds-sequence")) == len(notion.rows("ds-contact")) == 1


async def test_a_second_worker_finds_the_page_of_the_first_although_queries_lag(make: Make, notion: FakeNotion) -> None:
    notion.lagging = True

    pages = await make().show(ADA)

    assert await make().show(ADA) == pages
    assert len(notion.rows("ds-sequence")) == len(notion.rows("ds-contact")) == 1


async def test_what_lagged_longer_than_anybody_waits_is_found_the_next_time_and_becomes_one_row(
    mirror: NotionMirror, notion: FakeNotion, clock: VirtualClock
) -> None:
    notion.lagging = True
    notion.fails("POST pages", hangs_up(), committed=True)
    await failure_of(mirror)
    clock.advance(60_000)
    ada = kept(ADA, await mirror.show(ADA))
    assert len(notion.rows("ds-sequence")) == 2

    notion.hidden.clear()
    ada = kept(ada, await mirror.show(sent(ada, 1)))

    [row] = notion.rows("ds-sequence")
    assert row["Email 1 Sent"] is not None
    notion.requests()
    await mirror.show(sent(ada, 1))
    assert notion.requests() == []


async def test_a_503_that_names_the_page_it_committed_is_a_success(mirror: NotionMirror, notion: FakeNotion) -> None:
    made = notion.row("ds-sequence")
    notion.fails("POST pages", error(503, "service_unavailable", {"committed_resource_id": made}))

    assert (await mirror.show(ADA))["sequence"] == made


async def test_a_create_that_was_refused_may_be_repeated_at_once(mirror: NotionMirror, notion: FakeNotion) -> None:
    notion.fails("POST pages", error(409, "conflict_error"))

    assert type(await failure_of(mirror)) is Transient
    await mirror.show(ADA)

    assert len(notion.rows("ds-sequence")) == 1


async def test_one_database_in_trouble_does_not_keep_the_other_from_being_shown(
    mirror: NotionMirror, notion: FakeNotion
) -> None:
    notion.fails("POST pages", error(409, "conflict_error"))
    await failure_of(mirror)
    assert len(notion.rows("ds-contact")) == 1

    notion.requests()
    await mirror.show(ADA)
    assert [line for line in notion.requests() if "contact" in line] == []


# Columns that are not what they should be.


async def test_names_match_in_any_case(mirror: NotionMirror, notion: FakeNotion) -> None:
    source = notion.sources["ds-sequence"]
    source["EMAIL"] = source.pop("Email") | {"name": "EMAIL"}

    await mirror.show(ADA)

    assert notion.rows("ds-sequence")[0]["EMAIL"] == "ada@salon.example"
    assert await mirror.problems() == []


async def test_a_column_that_is_missing_renamed_or_retyped_is_left_out_and_reported(
    mirror: NotionMirror, notion: FakeNotion
) -> None:
    source = notion.sources["ds-sequence"]
    del source["Segment"]
    source["Biz Name"] = source.pop("Business Name") | {"name": "Biz Name"}
    notion.add_column("ds-sequence", "Red Systems", "rich_text")

    await mirror.show(ADA)

    [row] = notion.rows("ds-sequence")
    assert (row["Biz Name"], row["Red Systems"], row["Green Systems"]) == ("", "", 0)
    assert await mirror.problems() == [
        'Notion database Email Sequence: the property "Business Name" (rich text) is missing: '
        'rename "Biz Name" back to it, if that is the same',
        'Notion database Email Sequence: the property "Red Systems" is of type rich text and must be number: '
        "change its type in Notion",
        'Notion database Email Sequence: the property "Segment" (select) is missing: `advent check --fix` adds it',
    ]


@pytest.mark.parametrize("change", ["deleted", "retyped"])
async def test_a_column_that_changes_while_we_run_is_noticed_at_the_first_refusal(
    change: str, mirror: NotionMirror, notion: FakeNotion
) -> None:
    ada = kept(ADA, await mirror.show(ADA))
    for page in notion.pages.values():
        page["properties"].pop("Segment")
    property_id = notion.sources["ds-sequence"].pop("Segment")["id"]
    if change == "retyped":
        notion.add_column("ds-sequence", "Segment", "rich_text")
        notion.sources["ds-sequence"]["Segment"]["id"] = property_id

    await mirror.show(sent(ada, 1))

    assert notion.rows("ds-sequence")[0]["Email 1 Sent"] is not None


async def test_a_column_that_is_added_while_we_run_is_noticed_within_ten_minutes(
    mirror: NotionMirror, notion: FakeNotion, clock: VirtualClock
) -> None:
    ada = kept(ADA, await mirror.show(ADA))
    notion.add_column("ds-sequence", "Enrollment ID", "rich_text")
    clock.advance(600_000)

    await mirror.show(ada)

    assert notion.rows("ds-sequence")[0].get("Enrollment ID") == ADA.id


async def test_what_is_missing_can_be_added_optional_columns_too(mirror: NotionMirror, notion: FakeNotion) -> None:
    del notion.sources["ds-sequence"]["Segment"]

    added = await mirror.fix()

    assert added[0] == 'Notion database Email Sequence: added "Segment" (select)'
    assert len(added) == 1 + 8
    assert await mirror.problems() == []
    assert await mirror.fix() == []
    assert notion.sources["ds-sequence"]["Exit Reason"]["type"] == "select"


async def test_without_a_column_for_addresses_nobody_is_doubled(mirror: NotionMirror, notion: FakeNotion) -> None:
    del notion.sources["ds-sequence"]["Email"]

    with pytest.raises(Misconfigured, match="check --fix"):
        await mirror.show(ADA)
    assert notion.rows("ds-sequence") == []


@pytest.mark.parametrize("sources", [[], ["ds-sequence", "ds-contact"]])
async def test_a_database_must_have_exactly_one_data_source(
    sources: list[str], mirror: NotionMirror, notion: FakeNotion
) -> None:
    notion.databases[SEQUENCE_ID] = sources

    with pytest.raises(Misconfigured, match="exactly one data source"):
        await mirror.show(ADA)
    assert "NOTION_EMAIL_SEQUENCE_DB_ID" in (await mirror.problems())[0]


async def test_a_database_that_is_not_shared_names_the_cure(mirror: NotionMirror, notion: FakeNotion) -> None:
    del notion.databases[CONTACT_ID]

    assert await mirror.problems() == [
        "Notion database BusinessX Canada: share the database BusinessX Canada with the integration, "
        "or correct NOTION_BUSINESSX_DB_ID"
    ]
    with pytest.raises(Misconfigured):
        await mirror.show(ADA)
    assert len(notion.rows("ds-sequence")) == 1


# Values at Notion's limits.


async def test_texts_are_cut_commas_replaced_and_what_does_not_fit_is_left_out(make: Make, notion: FakeNotion) -> None:
    long = "a" * 190 + "@salon.example"
    assessment = replace(ADA.assessment, first_name="😀" * 1_500, business_name="x" * 2_001, email=long)

    await make(campaign_name="Christmas, 2025").show(replace(ADA, assessment=assessment))

    [row] = notion.rows("ds-sequence")
    assert (row["Email"], row["Campaign"]) == (None, "Christmas; 2025")
    assert (row["First Name"], row["Business Name"]) == ("😀" * 1_000, "x" * 2_000)


async def test_an_address_too_long_for_notion_is_found_by_its_enrollment_id(make: Make, notion: FakeNotion) -> None:
    notion.add_column("ds-sequence", "Enrollment ID", "rich_text")
    long = replace(ADA, assessment=replace(ADA.assessment, email="a" * 190 + "@salon.example"))

    await make().show(long)
    await make().show(long)

    assert len(notion.rows("ds-sequence")) == 1


# Every documented error, of a read and of a write.

BOTH: list[tuple[Answer, type[Failure], type[Failure], str]] = [
    (error(400, "invalid_json"), Permanent, Permanent, "invalid_json"),
    (error(400, "invalid_request_url"), Permanent, Permanent, "invalid_request_url"),
    (error(400, "invalid_request"), Permanent, Permanent, "invalid_request"),
    (error(400, "missing_version"), Permanent, Permanent, "missing_version"),
    (error(401, "unauthorized"), Misconfigured, Misconfigured, "unauthorized"),
    (error(403, "restricted_resource"), Misconfigured, Misconfigured, "restricted_resource"),
    (error(404, "object_not_found"), Misconfigured, Misconfigured, "object_not_found"),
    (error(409, "conflict_error"), Transient, Transient, "conflict_error"),
    (error(429, "rate_limited"), Throttled, Throttled, "rate_limited"),
    (says(429, "<html>slow down"), Throttled, Throttled, "http_429"),
    (error(529, "service_overload"), Throttled, Throttled, "service_overload"),
    (
        error(429, "rate_limited", {"rate_limit_reason": "public_api_request_blocked"}),
        Misconfigured,
        Misconfigured,
        "public_api_request_blocked",
    ),
    (error(500, "internal_server_error"), Transient, Ambiguous, "internal_server_error"),
    (says(502, "<html>bad gateway"), Transient, Ambiguous, "http_502"),
    (error(503, "service_unavailable"), Transient, Ambiguous, "service_unavailable"),
    (error(503, "database_connection_unavailable"), Transient, Ambiguous, "database_connection_unavailable"),
    (error(504, "gateway_timeout"), Transient, Ambiguous, "gateway_timeout"),
    (says(200, "<html>welcome"), Transient, Ambiguous, "unreadable_answer"),
    (says(200, []), Transient, Ambiguous, "unreadable_answer"),
    (says(301, "", {"Location": "/"}), Misconfigured, Misconfigured, "http_301"),
    (hangs(), Transient, Ambiguous, "read_timeout"),
    (hangs_up(), Transient, Ambiguous, "remote_protocol_error"),
]


@pytest.mark.parametrize(("answer", "reading", "writing", "code"), BOTH)
async def test_each_error_is_one_kind_of_failure(
    answer: Answer, reading: type, writing: type, code: str, make: Make, notion: FakeNotion
) -> None:
    mirror = make(contact_db=None)
    for pattern, kind in (("/query", reading), ("POST pages", writing)):
        notion.fails(pattern, answer)
        failure = await failure_of(mirror)

        assert (type(failure), failure.code) == (kind, code)


async def test_a_value_that_is_refused_twice_is_permanent(mirror: NotionMirror, notion: FakeNotion) -> None:
    notion.fails("POST pages", error(400, "validation_error"), times=2)

    failure = await failure_of(mirror)

    assert (type(failure), failure.code) == (Permanent, "validation_error")
    assert notion.asked.count("GET data_sources/ds-sequence") == 2


@pytest.mark.parametrize(
    ("answer", "wait_ms"),
    [
        (error(429, "rate_limited", headers={"Retry-After": "7"}), 7_000),
        (error(429, "rate_limited", {"retry_after": "9"}), 9_000),
        (error(529, "service_overload", headers={"Retry-After": "0.5"}), 500),
        (error(529, "service_overload"), 1_000),
    ],
)
async def test_throttled_waits_as_long_as_it_is_asked_and_so_does_everybody(
    answer: Answer, wait_ms: int, mirror: NotionMirror, notion: FakeNotion, budget: Patience
) -> None:
    notion.fails("/query", answer)

    failure = await failure_of(mirror)

    assert isinstance(failure, Throttled)
    assert failure.retry_after_ms == wait_ms
    assert budget.pushed == [wait_ms]
    assert notion.asked.count("POST data_sources/ds-contact/query") == 0


async def test_a_refused_connection_sent_nothing(make: Make) -> None:
    async with nobody_listens() as url:
        failure = await failure_of(make(base_url=url))

    assert (type(failure), failure.code) == (Transient, "connect")


async def test_each_request_takes_from_the_budget(mirror: NotionMirror, notion: FakeNotion, budget: Patience) -> None:
    await mirror.show(ADA)

    assert budget.taken == len(notion.asked)


# What the settings may hold.

HEX = "33333333000040008000000000000003"


@pytest.mark.parametrize(
    "pasted",
    [
        SEQUENCE_ID,
        HEX,
        f"  {HEX.upper()}\n",
        f'"{HEX}"',
        f"https://app.notion.com/p/Email-Sequence-{HEX}?v=44444444000040008000000000000004",
        f"https://app.notion.com/p/{HEX}",
        f"https://www.notion.so/team/{HEX}?v=44444444000040008000000000000004&pvs=4",
        f"https://www.notion.so/team/Caf-beef-{HEX}/#block",
        f"https://team.notion.site/Email-Sequence-{HEX}",
        f"notion.so/{SEQUENCE_ID}",
    ],
)
async def test_a_database_may_be_pasted_in_any_form(pasted: str, make: Make, notion: FakeNotion) -> None:
    await make(sequence_db=pasted, contact_db=None).show(ADA)

    assert len(notion.rows("ds-sequence")) == 1


@pytest.mark.parametrize(
    "pasted", ["Email Sequence", "https://app.notion.com/p/Home", f"https://app.notion.com/?v={HEX}"]
)
def test_what_names_no_database_is_refused_by_name(pasted: str, make: Make) -> None:
    with pytest.raises(ValueError, match="NOTION_EMAIL_SEQUENCE_DB_ID"):
        make(sequence_db=pasted)
