"""The imitated Resend through the real SDK: what it accepts, idempotency keys, the rate limit."""

from __future__ import annotations

import asyncio

import pytest
import resend
from resend.exceptions import RateLimitError

from common.clock import utc_datetime
from tests.sandbox.mails import refusal, send, to_ada
from tests.sandbox.running import RunningSandbox

HOUR_MS = 3_600_000


async def test_a_mail_is_accepted_and_reads_back_as_it_was_sent(run: RunningSandbox) -> None:
    mail_id = await send(to_ada())
    read = await resend.Emails.get_async(mail_id)

    assert (read["id"], read["subject"], read["last_event"]) == (mail_id, "Your results", "delivered")
    assert (read["to"], read["from"]) == (["Ada@Salon.example"], "Advent <hello@advent.example>")
    assert (read["html"], read["text"]) == ("<h1>Hello Zoë</h1><p>Seven &amp; more</p>", "Hello Zoë")
    assert read["message_id"] == f"<{mail_id}@advent.example>"
    assert read["created_at"].startswith(f"{utc_datetime(run.clock.now_ms()):%Y-%m-%d %H:%M:%S}.")
    assert read["created_at"].endswith("+00")


async def test_a_missing_text_is_made_from_the_html_and_an_empty_one_is_not(run: RunningSandbox) -> None:
    made = await resend.Emails.get_async(await send(to_ada(text=None)))
    none = await resend.Emails.get_async(await send(to_ada(text="")))

    assert (made["text"], none["text"]) == ("Hello Zoë\n\nSeven & more", "")


async def test_every_resend_response_has_rate_limit_headers(run: RunningSandbox) -> None:
    answer = await resend.Emails.send_async(to_ada())

    assert {"ratelimit-limit": "10000", "ratelimit-remaining": "9999", "ratelimit-reset": "1"}.items() <= answer[
        "http_headers"
    ].items()


async def test_the_same_key_and_payload_get_the_first_answer_and_send_nothing(run: RunningSandbox) -> None:
    first, second = await send(to_ada(), "k/1"), await send(to_ada(), "k/1")

    assert first == second
    assert (await run.json("/counts.json"))["mails_by_key"] == {"k/1": 1}


async def test_the_order_of_keys_in_the_payload_does_not_count(run: RunningSandbox) -> None:
    mail = to_ada()

    assert await send(mail, "k/1") == await send(dict(reversed(mail.items())), "k/1")


async def test_the_same_key_with_another_payload_is_refused(run: RunningSandbox) -> None:
    await send(to_ada(), "k/1")
    error = await refusal(to_ada(html="<p>7 days left</p>"), {"idempotency_key": "k/1"})

    assert (error.code, error.error_type) == (409, "invalid_idempotent_request")
    assert len(await run.json("/inbox.json")) == 1


async def test_idempotency_key_in_progress_is_refused_until_its_first_answer(run: RunningSandbox) -> None:
    run.sandbox.faults.put([{"provider": "resend", "kind": "slow", "seconds": 0.3, "count": 1}])
    first = asyncio.create_task(send(to_ada(), "k/1"))
    while "k/1" not in run.sandbox.keys_in_progress:
        await asyncio.sleep(0.005)
    error = await refusal(to_ada(), {"idempotency_key": "k/1"})

    assert (error.code, error.error_type) == (409, "concurrent_idempotent_requests")
    assert await first == await send(to_ada(), "k/1")


async def test_idempotency_key_expires_after_24_hours(run: RunningSandbox) -> None:
    first = await send(to_ada(), "k/1")
    run.clock.advance(24 * HOUR_MS - 1)
    within = await send(to_ada(), "k/1")
    run.clock.advance(1)
    after = await send(to_ada(), "k/1")

    assert (first == within, first == after) == (True, False)
    assert (await run.json("/counts.json"))["mails_by_key"] == {"k/1": 2}


async def test_advancing_the_sandbox_clock_expires_idempotency_keys(run: RunningSandbox) -> None:
    first = await send(to_ada(), "k/1")
    async with run.http.post(f"{run.url}/clock", json={"advance_seconds": 86_400}) as answer:
        assert answer.status == 200

    assert await send(to_ada(), "k/1") != first


@pytest.mark.parametrize("key", ["", "x" * 257])
async def test_a_key_of_the_wrong_length_is_refused(run: RunningSandbox, key: str) -> None:
    status, body, _ = await run.resend("POST", "/emails", to_ada(), idempotency_key=key)

    assert (status, body["name"]) == (400, "invalid_idempotency_key")


async def test_refused_mail_leaves_its_idempotency_key_unused(run: RunningSandbox) -> None:
    await refusal(to_ada(to=["nobody"]), {"idempotency_key": "k/1"})

    assert await send(to_ada(), "k/1")


async def test_the_rate_limit_per_second_says_when_to_retry(run: RunningSandbox) -> None:
    run.sandbox.board.change({"resend_requests_per_second": 2})
    await send(to_ada())
    await send(to_ada())
    with pytest.raises(RateLimitError) as raised:
        await send(to_ada())

    error = raised.value
    assert (error.error_type, error.headers["retry-after"]) == ("rate_limit_exceeded", "1")
    assert (error.headers["ratelimit-limit"], error.headers["ratelimit-remaining"]) == ("2", "0")
    run.clock.advance(1_000)
    assert await send(to_ada())


@pytest.mark.parametrize(("dial", "name"), [("daily", "daily_quota_exceeded"), ("monthly", "monthly_quota_exceeded")])
async def test_a_quota_counts_recipients(run: RunningSandbox, dial: str, name: str) -> None:
    run.sandbox.board.change({f"resend_{dial}_quota": 3})
    await send(to_ada(to=["a@x.example", "b@x.example"], bcc="c@x.example"))

    assert (await refusal(to_ada())).error_type == name


async def test_daily_quota_resets_the_next_day(run: RunningSandbox) -> None:
    run.sandbox.board.change({"resend_daily_quota": 1})
    await send(to_ada())
    await refusal(to_ada())
    run.clock.advance(24 * HOUR_MS)

    assert await send(to_ada())
