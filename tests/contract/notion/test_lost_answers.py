"""A create whose answer is lost never leads to a second row, even while queries lag behind."""

from __future__ import annotations

import pytest

from common.clock import VirtualClock
from common.errors import Ambiguous, Transient
from common.providers.notion.mirror import NotionMirror
from tests.contract.notion.people import ADA, MakeMirror, error, failure_of, kept, sent
from tests.contract.notion_fake import FakeNotion
from tests.contract.scripted import Answer, hangs, hangs_up, says


@pytest.mark.parametrize("answer", [hangs_up(), hangs(), error(500, "internal_server_error"), says(200, "<html>")])
async def test_create_with_a_lost_answer_is_searched_before_it_is_repeated(
    answer: Answer, mirror: NotionMirror, notion: FakeNotion
) -> None:
    notion.fails("POST pages", answer, committed=True)

    assert type(await failure_of(mirror)) is Ambiguous
    await mirror.show(ADA)

    assert len(notion.rows("ds-sequence")) == len(notion.rows("ds-contact")) == 1


async def test_lost_create_is_repeated_after_the_settling_time(
    mirror: NotionMirror, notion: FakeNotion, clock: VirtualClock
) -> None:
    notion.fails("POST pages", hangs_up())
    assert type(await failure_of(mirror)) is Ambiguous

    failure = await failure_of(mirror)
    assert (type(failure), failure.code) == (Transient, "create_outcome_unknown")
    assert notion.rows("ds-sequence") == []

    clock.advance(30_000)
    await mirror.show(ADA)
    assert len(notion.rows("ds-sequence")) == len(notion.rows("ds-contact")) == 1


async def test_lagging_queries_lead_to_no_second_row(
    make_mirror: MakeMirror, notion: FakeNotion, clock: VirtualClock
) -> None:
    notion.lagging = True
    notion.fails("POST pages", hangs_up(), committed=True)
    assert type(await failure_of(make_mirror())) is Ambiguous
    for _ in range(3):
        clock.advance(5_000)
        assert (await failure_of(make_mirror())).code == "create_outcome_unknown"

    notion.hidden.clear()
    await make_mirror().show(ADA)

    assert len(notion.rows("ds-sequence")) == len(notion.rows("ds-contact")) == 1


async def test_a_second_worker_finds_the_page_of_the_first_although_queries_lag(
    make_mirror: MakeMirror, notion: FakeNotion
) -> None:
    notion.lagging = True

    pages = await make_mirror().show(ADA)

    assert await make_mirror().show(ADA) == pages
    assert len(notion.rows("ds-sequence")) == len(notion.rows("ds-contact")) == 1


async def test_rows_that_lag_longer_than_the_wait_are_merged_next_time(
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


async def test_failure_in_one_notion_database_does_not_stop_updates_of_the_other(
    mirror: NotionMirror, notion: FakeNotion
) -> None:
    notion.fails("POST pages", error(409, "conflict_error"))
    await failure_of(mirror)
    assert len(notion.rows("ds-contact")) == 1

    notion.requests()
    await mirror.show(ADA)
    assert [line for line in notion.requests() if "contact" in line] == []
