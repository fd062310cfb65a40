"""Our clients against the sandbox, which behaves as the real providers are known to do."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import redis.asyncio
from aiohttp.test_utils import TestServer

from common.clock import VirtualClock
from common.domain.contact import Assessment, Segment
from common.domain.delivery import DeliveryStatus, Record
from common.domain.enrollment import Enrollment, ExitReason, Status
from common.domain.ids import enrollment_id
from common.domain.mail import Mail, SentMail
from common.domain.projection import CampaignColumns
from common.errors import Ambiguous, Misconfigured, Permanent
from common.providers.budget import Unlimited
from common.providers.notion.duplicates import StoreCreateGuard
from common.providers.notion.mirror import NotionMirror
from common.providers.resend.mailer import ResendMailer
from services.sandbox.app import build_app
from services.sandbox.ids import API_KEY, CONTACT_DATABASE_ID, NOTION_TOKEN, SENDING_KEY, SEQUENCE_DATABASE_ID
from services.sandbox.state import open_sandbox
from tests import columns

TO_ADA = Mail(
    sender="Advent <hello@advent.example>",
    to="ada@salon.example",
    subject="Your results",
    html="<p>hello</p>",
    text="hello",
    reply_to=None,
    headers={"List-Unsubscribe-Post": "List-Unsubscribe=One-Click"},
    tags={"delivery": "step-1"},
)
KEY = "christmas_2025/enr_aaaaaaaaaaaaaaaa/step-1"
NOW_MS = 1_764_000_000_000
CASES = Path(__file__).parents[1] / "fixtures" / "cases"
ADA = Enrollment(
    id=enrollment_id("christmas_2025", "ada@salon.example"),
    campaign="christmas_2025",
    status=Status.ACTIVE,
    segment=Segment.OPTIMIZE,
    assessment=Assessment(email="ada@salon.example", first_name="Ada", assessment_score=80, business_name="Salon, Ada"),
    anchor_ms=NOW_MS + 123,
    assessed_ms=NOW_MS + 123,
)


class Providers:
    def __init__(self, url: str, store: redis.asyncio.Redis, clock: VirtualClock) -> None:
        self.url, self.clock = url, clock
        self.guard = StoreCreateGuard(store, clock=clock)
        self.closing: list[Any] = []

    def mailer(self, key: str = API_KEY, *, timeout_s: float = 10) -> ResendMailer:
        self.closing.append(ResendMailer(key, f"{self.url}/resend", timeout_s))
        return self.closing[-1]

    def mirror(self) -> NotionMirror:
        mirror = NotionMirror(
            NOTION_TOKEN,
            base_url=f"{self.url}/notion",
            sequence_db=SEQUENCE_DATABASE_ID,
            contact_db=CONTACT_DATABASE_ID,
            campaigns={"christmas_2025": CampaignColumns(name="Christmas 2025")},
            budget=Unlimited(),
            guard=self.guard,
            clock=self.clock,
        )
        self.closing.append(mirror)
        return mirror

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        async with aiohttp.request(method, f"{self.url}{path}", json=body) as answer:
            assert answer.status < 300, await answer.text()
            return await answer.json()

    async def rows(self) -> dict[str, list[dict[str, Any]]]:
        tables: dict[str, list[dict[str, Any]]] = await self.ask("GET", "/notion.json")
        return {title: [r["properties"] for r in rows if not r["in_trash"]] for title, rows in tables.items()}


@pytest.fixture
async def providers(store: redis.asyncio.Redis, clock: VirtualClock) -> AsyncIterator[Providers]:
    sandbox = open_sandbox(None, clock=clock)
    server = TestServer(build_app(sandbox))
    await server.start_server()
    providers = Providers(str(server.make_url("")).rstrip("/"), store, clock)
    yield providers
    for each in providers.closing:
        await each.close()
    await server.close()
    sandbox.close()


async def test_a_mail_whose_answer_was_lost_is_one_mail_after_the_next_attempt(providers: Providers) -> None:
    await providers.ask("POST", "/faults", {"kind": "drop_after", "operation": "emails.send", "count": 1})
    mailer = providers.mailer()

    with pytest.raises(Ambiguous):
        await mailer.send(TO_ADA, idempotency_key=KEY)
    first = await mailer.send(TO_ADA, idempotency_key=KEY)

    assert await mailer.send(Mail.thawed(TO_ADA.frozen()), idempotency_key=KEY) == first
    assert [mail["id"] for mail in await providers.ask("GET", "/inbox.json")] == [first]


async def test_other_bytes_under_the_same_key_are_a_permanent_failure(providers: Providers) -> None:
    mailer = providers.mailer()
    await mailer.send(TO_ADA, idempotency_key=KEY)

    with pytest.raises(Permanent) as raised:
        await mailer.send(replace(TO_ADA, subject="Other"), idempotency_key=KEY)
    assert raised.value.code == "invalid_idempotent_request"


async def test_accepted_mails_can_be_listed_only_with_a_full_access_key(providers: Providers) -> None:
    mailer = providers.mailer()
    sent = await mailer.send(TO_ADA, idempotency_key=KEY)
    await mailer.send(replace(TO_ADA, to="boris@salon.example"), idempotency_key=KEY + "b")

    [found] = await mailer.list_accepted("ada@salon.example", NOW_MS)
    assert (found.id, found.subject, found.to) == (sent, "Your results", ("ada@salon.example",))
    assert await mailer.list_accepted("ada@salon.example", NOW_MS + 86_400_000) == []

    with pytest.raises(Misconfigured):
        await providers.mailer(SENDING_KEY).list_accepted("ada@salon.example", NOW_MS)


async def test_sent_mail_can_be_read_only_with_a_full_access_key(providers: Providers) -> None:
    mailer = providers.mailer()
    sent = await mailer.send(TO_ADA, idempotency_key=KEY)

    assert await mailer.read_sent(sent) == SentMail(subject="Your results", html="<p>hello</p>", text="hello")
    with pytest.raises(Misconfigured) as refused:
        await providers.mailer(SENDING_KEY).read_sent(sent)
    assert refused.value.code == "restricted_api_key"


async def test_a_person_has_one_row_in_each_database_from_signup_to_the_end(providers: Providers) -> None:
    mirror = providers.mirror()
    assert await columns.problems(mirror) == []
    await columns.fix(mirror)
    ada = replace(ADA, pages=await mirror.show(ADA))

    record = Record(status=DeliveryStatus.ACCEPTED, at_ms=NOW_MS, attempts=1, detail="id", sent_ms=NOW_MS + 456)
    ada = replace(ada, records={1: record}, status=Status.EXITED, exit_reason=ExitReason.UNSUBSCRIBED)
    await mirror.show(ada)

    rows = await providers.rows()
    [row], [contact] = rows["Email Sequence"], rows["BusinessX Canada"]
    assert (row["Name"], row["Email"], row["Campaign"]) == ("Salon, Ada", "ada@salon.example", "Christmas 2025")
    assert (row["Sequence Completed"], row["Exit Reason"], row["Enrollment ID"]) == (True, "unsubscribed", ADA.id)
    assert row["Email 1 Sent"].startswith("2025-11-24T16:00:00.456")
    assert (contact["email"], contact["Booking Status"]) == ("ada@salon.example", "Not Booked")


@pytest.mark.parametrize("kind", ["drop_after", "error_after", "committed_503", "unheard_503", "html_200", "conflict"])
async def test_failing_creates_lead_to_one_row_in_each_database(kind: str, providers: Providers) -> None:
    rule = {"kind": kind, "provider": "notion", "operation": "pages.create", "count": 2}
    await providers.ask("POST", "/faults", rule)

    pages: dict[str, str] = {}
    for _ in range(8):
        try:
            pages = await providers.mirror().show(replace(ADA, pages=pages))
        except Exception:  # noqa: BLE001 -- what it is called is another test's question
            providers.clock.advance(10_000)

    assert [len(rows) for rows in (await providers.rows()).values()] == [1, 1]
    assert pages["sequence"]


async def test_lagging_notion_queries_double_no_row(providers: Providers) -> None:
    await providers.ask("PUT", "/faults", {"dials": {"notion_query_lag_seconds": 20}})
    await providers.ask("POST", "/faults", {"kind": "drop_after", "operation": "pages.create", "count": 1})

    for _ in range(8):
        try:
            await providers.mirror().show(ADA)
        except Exception:  # noqa: BLE001 -- what it is called is another test's question
            providers.clock.advance(5_000)

    assert [len(rows) for rows in (await providers.rows()).values()] == [1, 1]


async def test_notion_dates_cut_to_the_minute_change_no_page(providers: Providers) -> None:
    await providers.ask("PUT", "/faults", {"dials": {"notion_minute_dates": True}})
    pages = await providers.mirror().show(ADA)

    assert await providers.mirror().show(ADA) == pages


async def test_a_refused_recipient_differs_from_a_refused_mail(providers: Providers) -> None:
    case = json.loads((CASES / "x69_refused_address.json").read_text())
    await providers.ask("POST", "/faults", case["fault"])
    mailer = providers.mailer()

    with pytest.raises(Permanent) as refused:
        await mailer.send(replace(TO_ADA, to=case["signup"]["email"]), idempotency_key="x69")
    assert (refused.value.status, refused.value.is_recipient) == (422, True)
    with pytest.raises(Permanent) as other:
        await mailer.send(replace(TO_ADA, tags={"delivery": "step 1"}), idempotency_key="x70")
    assert (other.value.status, other.value.is_recipient) == (422, False)
