"""The imitated Resend through the real SDK: lists, batches, schedules, and outcomes."""

from __future__ import annotations

import hashlib
from typing import Any

import httpx
import pytest
import resend
from resend.exceptions import ResendError

from common.clock import utc_datetime
from tests.sandbox.mails import event_of, send, to_ada
from tests.sandbox.running import RunningSandbox

HOUR_MS = 3_600_000


async def test_a_list_is_paged_both_ways_newest_first(run: RunningSandbox) -> None:
    ids = [await send(to_ada(subject=f"Mail {n}")) for n in range(5)][::-1]

    async def page(**params: Any) -> tuple[list[int], bool]:
        answer = await resend.Emails.list_async(params)
        return [ids.index(mail["id"]) for mail in answer["data"]], answer["has_more"]

    assert await page(limit=2) == ([0, 1], True)
    assert await page(limit=2, after=ids[1]) == ([2, 3], True)
    assert await page(limit=2, after=ids[3]) == ([4], False)
    assert await page(limit=2, before=ids[4]) == ([2, 3], True)
    assert await page(limit=5, before=ids[2]) == ([0, 1], False)
    assert await page() == ([0, 1, 2, 3, 4], False)


async def test_a_listed_mail_has_no_content(run: RunningSandbox) -> None:
    await send(to_ada())
    (line,) = (await resend.Emails.list_async())["data"]

    assert {"id", "to", "from", "created_at", "subject", "last_event", "message_id"} <= line.keys()
    assert not {"html", "text"} & line.keys()


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "after=1&before=2", "after=nobody"])
async def test_a_bad_page_is_refused(run: RunningSandbox, query: str) -> None:
    status, body, _ = await run.resend("GET", f"/emails?{query}")

    assert (status, body["name"]) == (422, "validation_error")


async def test_an_unknown_mail_is_404(run: RunningSandbox) -> None:
    with pytest.raises(ResendError) as raised:
        await resend.Emails.get_async("56761188-7520-42d8-8898-ff6fc54ce618")

    assert (raised.value.code, raised.value.error_type) == (404, "not_found")


async def test_a_batch_is_accepted_in_order_under_one_key(run: RunningSandbox) -> None:
    mails = [to_ada(subject=f"Mail {n}") for n in range(3)]
    first = await resend.Batch.send_async(mails, {"idempotency_key": "batch/1"})
    again = await resend.Batch.send_async(mails, {"idempotency_key": "batch/1"})

    assert [mail["id"] for mail in first["data"]] == [mail["id"] for mail in again["data"]]
    assert [mail["subject"] for mail in await run.json("/inbox.json")] == ["Mail 0", "Mail 1", "Mail 2"]


async def test_strict_batch_is_all_or_nothing_and_a_permissive_one_lists_its_errors(run: RunningSandbox) -> None:
    mails = [to_ada(), to_ada(to="nobody")]
    with pytest.raises(ResendError):
        await resend.Batch.send_async(mails)
    assert await run.json("/inbox.json") == []
    answer = await resend.Batch.send_async(mails, {"batch_validation": "permissive"})

    assert (len(answer["data"]), [error["index"] for error in answer["errors"]]) == (1, [1])


async def test_a_scheduled_mail_waits_can_be_moved_and_cancelled(run: RunningSandbox) -> None:
    mail_id = await send(to_ada(scheduled_at="in 1 hour"))
    assert (await resend.Emails.get_async(mail_id))["last_event"] == "scheduled"
    later = utc_datetime(run.clock.now_ms() + 2 * HOUR_MS).isoformat()
    await resend.Emails.update_async({"id": mail_id, "scheduled_at": later})
    run.clock.advance(HOUR_MS)
    assert (await resend.Emails.get_async(mail_id))["last_event"] == "scheduled"
    await resend.Emails.cancel_async(mail_id)
    run.clock.advance(2 * HOUR_MS)

    assert (await resend.Emails.get_async(mail_id))["last_event"] == "canceled"


async def test_a_scheduled_mail_is_delivered_when_its_time_comes(run: RunningSandbox) -> None:
    mail_id = await send(to_ada(scheduled_at="in 1 hour"))
    run.clock.advance(HOUR_MS)

    assert (await resend.Emails.get_async(mail_id))["last_event"] == "delivered"


@pytest.mark.parametrize(
    ("to", "event"),
    [
        ("delivered@resend.dev", "delivered"),
        ("bounced+chen@resend.dev", "bounced"),
        ("complained@resend.dev", "complained"),
        ("suppressed@resend.dev", "suppressed"),
    ],
)
async def test_test_addresses_of_resend_have_their_named_outcome(run: RunningSandbox, to: str, event: str) -> None:
    assert await event_of(to_ada(to=to)) == event


async def test_a_bounced_address_is_suppressed_until_it_is_removed(run: RunningSandbox) -> None:
    run.sandbox.board.change({"bouncing": ["*@nowhere.test"]})
    events = [
        (await resend.Emails.get_async(await send(to_ada(to="Chen@nowhere.test"))))["last_event"] for _ in range(2)
    ]
    listed = await resend.Suppressions.list_async()
    await resend.Suppressions.remove_async("chen@nowhere.test")

    assert events == ["bounced", "suppressed"]
    assert [(entry["email"], entry["origin"]) for entry in listed["data"]] == [("chen@nowhere.test", "bounce")]
    assert (await resend.Suppressions.list_async())["data"] == []


async def test_a_transient_bounce_suppresses_no_address(run: RunningSandbox) -> None:
    run.sandbox.board.change({"bouncing": ["chen@*"], "bounce_type": "Transient"})
    await send(to_ada(to="chen@x.example"))

    assert (await resend.Suppressions.list_async())["data"] == []


async def test_an_address_can_be_suppressed_by_hand(run: RunningSandbox) -> None:
    added = await resend.Suppressions.add_async({"email": "Dunya@x.example"})
    read = await resend.Suppressions.get_async("dunya@x.example")

    assert (read["id"], read["origin"]) == (added["id"], "manual")
    assert await event_of(to_ada(to="dunya@x.example")) == "suppressed"


async def test_domains_that_mail_came_from_are_listed_as_verified(run: RunningSandbox) -> None:
    await send(to_ada())
    listed = await resend.Domains.list_async()

    assert [(domain["name"], domain["status"]) for domain in listed["data"]] == [("advent.example", "verified")]


async def test_accepted_requests_are_stored_without_their_api_key(run: RunningSandbox) -> None:
    body = b'{"from":"a@advent.example","to":"ada@x.example","subject":"S","text":"T"}'
    headers = {"Authorization": "Bearer re_sandbox", "Idempotency-Key": "k/1"}
    async with httpx.AsyncClient() as client:
        await client.post(f"{run.resend_url}/emails", content=body, headers=headers)
    (mail,) = await run.json("/inbox.json?to=ada@x.example")

    assert mail["sha256"] == hashlib.sha256(body).hexdigest()
    assert (mail["idempotency_key"], mail["accepted_at"]) == ("k/1", run.clock.now_ms())
    assert "Authorization" not in mail["request_headers"]
    assert await run.json("/inbox.json?to=da@x.example") == []
