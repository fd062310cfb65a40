"""Our own clients against the sandbox: one mail and one row for each contact, even if answers are lost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import redis.asyncio

from common.domain.contact import Assessment, Segment
from common.domain.enrollment import Enrollment, Status
from common.domain.ids import enrollment_id
from common.domain.mail import Attachment, Mail
from common.domain.projection import CampaignColumns
from common.errors import Ambiguous, Failure, Misconfigured, Permanent, Throttled, Transient
from common.providers.budget import Unlimited
from common.providers.notion.duplicates import StoreCreateGuard
from common.providers.notion.mirror import NotionMirror
from common.providers.resend.mailer import ResendMailer
from services.sandbox.ids import API_KEY, CONTACT_DATABASE_ID, NOTION_TOKEN, SEQUENCE_DATABASE_ID
from tests import columns
from tests.sandbox.running import RunningSandbox, running

KEY = "christmas_2025/enr_ada/step-1"
ADA = Enrollment(
    id=enrollment_id("christmas_2025", "ada@salon.example"),
    campaign="christmas_2025",
    status=Status.ACTIVE,
    segment=Segment.URGENT,
    assessment=Assessment(email="ada@salon.example", first_name="Ada", assessment_score=62, red_systems=1),
    anchor_ms=1_764_000_000_000,
    assessed_ms=1_764_000_000_000,
)
TO_ADA = Mail(
    sender="Advent <hello@advent.example>",
    to="ada@salon.example",
    subject="Your results — ready",
    html="<p>Zoë &amp; co</p>",
    text="Zoë & co",
    reply_to="team@advent.example",
    headers={"List-Unsubscribe-Post": "List-Unsubscribe=One-Click"},
    tags={"delivery": "step-1"},
)


@pytest.fixture
async def run() -> AsyncIterator[RunningSandbox]:
    async with running() as started:
        yield started


@pytest.fixture
async def mailer(run: RunningSandbox) -> AsyncIterator[ResendMailer]:
    mailer = ResendMailer(API_KEY, run.resend_url, 1)
    yield mailer
    await mailer.close()


@pytest.fixture
async def mirror(run: RunningSandbox, store: redis.asyncio.Redis) -> AsyncIterator[NotionMirror]:
    mirror = NotionMirror(
        NOTION_TOKEN,
        base_url=run.notion_url,
        sequence_db=SEQUENCE_DATABASE_ID,
        contact_db=CONTACT_DATABASE_ID,
        campaigns={"christmas_2025": CampaignColumns(name="Christmas 2025")},
        budget=Unlimited(),
        guard=StoreCreateGuard(store, clock=run.clock),
        clock=run.clock,
    )
    yield mirror
    await mirror.close()


async def until_shown(mirror: NotionMirror, run: RunningSandbox) -> int:
    """Show Ada in Notion, with a minute between attempts. Return how many attempts it took."""
    for attempt in range(1, 6):
        try:
            await mirror.show(ADA)
        except Failure:
            run.clock.advance(60_000)
        else:
            return attempt
    raise AssertionError("never shown")


async def rows(run: RunningSandbox, title: str = "Email Sequence") -> list[dict[str, Any]]:
    return [row["properties"] for row in (await run.json("/notion.json"))[title] if not row["in_trash"]]


async def test_sent_mail_is_found_among_the_accepted_mails(run: RunningSandbox, mailer: ResendMailer) -> None:
    provider_id = await mailer.send(TO_ADA, idempotency_key=KEY)
    (accepted,) = await mailer.list_accepted("ada@salon.example", run.clock.now_ms() - 60_000)

    assert (accepted.id, accepted.subject) == (provider_id, "Your results — ready")


async def test_attachment_arrives_with_its_mail_and_is_shown_on_the_page_of_the_mail(
    run: RunningSandbox, mailer: ResendMailer
) -> None:
    file = Attachment(filename="call.ics", content_type="text/calendar; charset=utf-8", content="SUMMARY:<Zoë>\r\n")
    mail = replace(TO_ADA, attachments=(file,))
    provider_id = await mailer.send(mail, idempotency_key=KEY)
    assert provider_id == await mailer.send(mail, idempotency_key=KEY)

    async with run.http.get(f"{run.url}/inbox/{provider_id}") as answer:
        page = await answer.text()
    assert "call.ics" in page
    assert "text/calendar; charset=utf-8, 16 bytes" in page
    assert "SUMMARY:&lt;Zoë&gt;" in page


@pytest.mark.parametrize("kind", ["drop_after", "error_after", "html_200", "timeout_after"])
async def test_a_mail_whose_answer_was_lost_is_sent_once(run: RunningSandbox, mailer: ResendMailer, kind: str) -> None:
    run.sandbox.faults.put([{"kind": kind, "provider": "resend", "after_commit": True, "count": 1}])
    with pytest.raises(Ambiguous):
        await mailer.send(TO_ADA, idempotency_key=KEY)
    provider_id = await mailer.send(TO_ADA, idempotency_key=KEY)

    assert [provider_id] == [mail["id"] for mail in await run.json("/inbox.json")]


@pytest.mark.parametrize(
    ("kind", "failure"),
    [
        ("rate_limited", Throttled),
        ("concurrent", Throttled),
        ("daily_quota", Misconfigured),
        ("domain_unverified", Misconfigured),
        ("other_payload", Permanent),
        ("unavailable", Transient),
    ],
)
async def test_each_refusal_by_the_sandbox_is_the_right_kind_of_failure(
    run: RunningSandbox, mailer: ResendMailer, kind: str, failure: type[Failure]
) -> None:
    run.sandbox.faults.put([{"kind": kind, "provider": "resend"}])
    with pytest.raises(failure):
        await mailer.send(TO_ADA, idempotency_key=KEY)

    assert await run.json("/inbox.json") == []


async def test_ada_has_one_row_in_each_database(run: RunningSandbox, mirror: NotionMirror) -> None:
    await mirror.show(ADA)
    await mirror.show(ADA)

    (sequence,), (contact,) = await rows(run), await rows(run, "BusinessX Canada")
    assert (sequence["Email"], sequence["Segment"]) == ("ada@salon.example", "URGENT")
    assert sequence["Campaign"] == "Christmas 2025"
    assert (contact["email"], contact["Booking Status"]) == ("ada@salon.example", "Not Booked")


@pytest.mark.parametrize("kind", ["committed_503", "unheard_503", "drop_after", "error_after", "conflict"])
async def test_a_row_whose_answer_was_lost_is_made_once(run: RunningSandbox, mirror: NotionMirror, kind: str) -> None:
    run.sandbox.faults.put([{"kind": kind, "provider": "notion", "operation": "pages.create", "count": 1}])
    await until_shown(mirror, run)

    assert (len(await rows(run)), len(await rows(run, "BusinessX Canada"))) == (1, 1)


async def test_column_fix_adds_the_columns_that_a_rebuild_needs(run: RunningSandbox, mirror: NotionMirror) -> None:
    await mirror.show(ADA)
    before = (await rows(run))[0].keys()
    await columns.fix(mirror)

    optional = {"Enrollment ID", "Time Zone", "Weakest System 1", "Revenue Leak", "Exit Reason"}
    assert optional & before == set()
    assert optional <= (await rows(run))[0].keys()
    assert await columns.problems(mirror) == []
