"""Every row of Resend's error table and every kind of missing answer, through the real SDK over loopback HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from prometheus_client import REGISTRY

from common.domain.mail import Mail, SentMail
from common.errors import Ambiguous, Failure, Misconfigured, Permanent, Throttled, Transient
from common.providers.resend.mailer import PAGE, AcceptedMail, ResendMailer
from tests.contract.scripted import Answer, Scripted, breaks_off, drips, hangs, hangs_up, nobody_listens, says, scripted

KEY = "christmas_2025/enr_aaaaaaaaaaaaaaaa/step-3"
TO_ADA = Mail(
    sender="Advent <hello@advent.example>",
    to="ada@salon.example",
    subject="Your results — ready",
    html="<p>Zoë &amp; co</p>",
    text="Zoë & co",
    reply_to="team@advent.example",
    headers={"List-Unsubscribe": "<https://x.example/u/1>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"},
    tags={"enrollment": "enr_aaaaaaaaaaaaaaaa", "delivery": "step-3"},
)
HOUR_MS = 3_600_000


def error(status: int, name: str, message: str = "said so", headers: dict[str, str] | None = None) -> Answer:
    return says(status, {"statusCode": status, "name": name, "message": message}, headers)


@asynccontextmanager
async def mailer_at(url: str, *, timeout_s: float = 10) -> AsyncIterator[ResendMailer]:
    mailer = ResendMailer("re_123", url, timeout_s)
    try:
        yield mailer
    finally:
        await mailer.close()


@asynccontextmanager
async def resend(*answers: Answer, timeout_s: float = 10) -> AsyncIterator[tuple[ResendMailer, Scripted]]:
    async with scripted(*answers) as server, mailer_at(server.url, timeout_s=timeout_s) as mailer:
        yield mailer, server


async def failure_of(*answers: Answer, timeout_s: float = 10) -> Failure:
    async with resend(*answers, timeout_s=timeout_s) as (mailer, _):
        with pytest.raises(Failure) as raised:
            await mailer.send(TO_ADA, idempotency_key=KEY)
    return raised.value


async def test_mail_is_sent_with_its_idempotency_key_and_returns_the_id_of_resend() -> None:
    async with resend(says(200, {"id": "49a3999c"})) as (mailer, server):
        assert await mailer.send(TO_ADA, idempotency_key=KEY) == "49a3999c"

    [asked] = server.asked
    assert (asked.method, asked.path) == ("POST", "/emails")
    assert (asked.headers["authorization"], asked.headers["idempotency-key"]) == ("Bearer re_123", KEY)
    assert {
        "from": "Advent <hello@advent.example>",
        "to": ["ada@salon.example"],
        "subject": "Your results — ready",
        "html": "<p>Zoë &amp; co</p>",
        "text": "Zoë & co",
        "reply_to": "team@advent.example",
        "headers": TO_ADA.headers,
        "tags": [{"name": "delivery", "value": "step-3"}, {"name": "enrollment", "value": "enr_aaaaaaaaaaaaaaaa"}],
    } == asked.json


async def test_mail_is_sent_as_the_same_bytes_after_thawing_and_in_any_order_of_parts() -> None:
    shuffled = replace(TO_ADA, headers=dict(reversed(TO_ADA.headers.items())), tags=dict(reversed(TO_ADA.tags.items())))
    async with resend(says(200, {"id": "1"})) as (mailer, server):
        for mail in (TO_ADA, Mail.thawed(TO_ADA.frozen()), shuffled):
            await mailer.send(mail, idempotency_key=KEY)

    assert len({asked.body for asked in server.asked}) == 1


async def test_two_mailers_in_one_loop_keep_their_own_key_and_address() -> None:
    async with resend(says(200, {"id": "here"})) as (one, _), scripted(says(200, {"id": "there"})) as second:
        other = ResendMailer("re_other", second.url)
        assert [await mailer.send(TO_ADA, idempotency_key=KEY) for mailer in (one, other, one)] == [
            "here",
            "there",
            "here",
        ]
        await other.close()

    assert second.asked[0].headers["authorization"] == "Bearer re_other"


ROWS: list[tuple[int, str, str, type[Failure]]] = [
    (400, "invalid_idempotency_key", "The key must be between 1-256 chars.", Permanent),
    (400, "validation_error", "We found an error with one or more fields in the request.", Permanent),
    (401, "missing_api_key", "Missing API key in the authorization header.", Misconfigured),
    (401, "restricted_api_key", "This API key is restricted to only send emails.", Misconfigured),
    (403, "invalid_api_key", "API key is invalid.", Misconfigured),
    (403, "validation_error", "The `salon.example` domain is not verified.", Misconfigured),
    (403, "validation_error", "You can only send testing emails to your own email address.", Misconfigured),
    (404, "not_found", "The requested endpoint does not exist.", Permanent),
    (405, "method_not_allowed", "Method is not allowed for the requested path.", Permanent),
    (409, "invalid_idempotent_request", "Same idempotency key used with a different request payload.", Permanent),
    (409, "concurrent_idempotent_requests", "Original request is still in progress.", Throttled),
    (422, "invalid_attachment", "Attachment must have either a `content` or `path`.", Permanent),
    (422, "invalid_from_address", "Invalid from field.", Misconfigured),
    (422, "invalid_access", "Access must be full_access or sending_access.", Permanent),
    (422, "invalid_parameter", "The parameter must be a valid UUID.", Permanent),
    (422, "invalid_region", "Region must be one of …", Permanent),
    (422, "missing_required_field", "The request body is missing one or more required fields.", Permanent),
    (422, "validation_error", "Invalid `to` field. The email address needs to follow …", Permanent),
    (422, "validation_error", "Invalid `from` field. The email address needs to follow …", Misconfigured),
    (429, "rate_limit_exceeded", "Too many requests.", Throttled),
    (429, "daily_quota_exceeded", "You have reached your daily email quota.", Misconfigured),
    (429, "monthly_quota_exceeded", "You have reached your monthly email quota.", Misconfigured),
    (451, "security_error", "We may have found a security issue with the request.", Permanent),
    (500, "application_error", "An unexpected error occurred.", Ambiguous),
    (500, "internal_server_error", "An unexpected error occurred.", Ambiguous),
    (502, "bad_gateway", "…", Ambiguous),
    (503, "service_unavailable", "…", Ambiguous),
    (504, "gateway_timeout", "…", Ambiguous),
    (418, "new_word", "A name that the table does not know yet.", Permanent),
    (408, "request_timeout", "The request did not arrive in time.", Transient),
]


@pytest.mark.parametrize(("status", "name", "message", "kind"), ROWS)
async def test_each_documented_error_is_one_kind_of_failure(
    status: int, name: str, message: str, kind: type[Failure]
) -> None:
    failure = await failure_of(error(status, name, message))

    assert (kind, name, status) == (type(failure), failure.code, failure.status)
    assert failure.detail


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        (says(502, "<html>bad gateway"), Ambiguous, "http_502"),
        (says(500, "<html>oops"), Ambiguous, "application_error"),
        (says(503, {}), Ambiguous, "http_503"),
        (says(503, []), Ambiguous, "http_503"),
        (says(429, "<html>slow down"), Throttled, "http_429"),
        (says(403, "<html>forbidden"), Misconfigured, "http_403"),
        (says(404, "<html>what?"), Misconfigured, "http_404"),
        (says(413, "<html>too much"), Permanent, "http_413"),
        (says(302, "<html>over there", {"Location": "/"}), Misconfigured, "http_302"),
        (says(400, {"name": None, "message": None}), Permanent, "http_400"),
    ],
)
async def test_answer_that_is_not_from_resend_is_classified_by_its_status(
    answer: Answer, kind: type, code: str
) -> None:
    failure = await failure_of(answer)

    assert (kind, code) == (type(failure), failure.code)


@pytest.mark.parametrize(
    "answer",
    [says(200, "<html>welcome"), says(200, {}), says(200, {"id": None}), says(200, []), says(202, {"id": 7})],
)
async def test_success_without_a_mail_id_is_ambiguous(answer: Answer) -> None:
    assert Ambiguous is type(await failure_of(answer))


async def test_success_with_broken_json_is_ambiguous() -> None:
    async def broken(request: Any) -> Any:
        from aiohttp import web

        return web.Response(text='{"id":', content_type="application/json")

    assert Ambiguous is type(await failure_of(broken))


@pytest.mark.parametrize(
    ("headers", "wait_ms"),
    [
        ({"Retry-After": "3"}, 3_000),
        ({"retry-after": "0.5"}, 500),
        ({"RETRY-AFTER": "0"}, 100),
        ({"Retry-After": "999999"}, HOUR_MS),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:04 GMT", "Date": "Wed, 21 Oct 2015 07:28:00 GMT"}, 4_000),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:04 GMT", "Date": "Wed, 21 Oct 2015 07:29:00 GMT"}, 100),
        ({"Retry-After": "soon"}, 1_000),
        ({"Retry-After": "nan"}, 1_000),
        ({"Retry-After": "-5"}, 1_000),
        ({}, 1_000),
    ],
)
@pytest.mark.parametrize("name", ["rate_limit_exceeded", "concurrent_idempotent_requests"])
async def test_throttled_wait_follows_retry_after_within_limits(
    name: str, headers: dict[str, str], wait_ms: int
) -> None:
    failure = await failure_of(error(429 if "rate" in name else 409, name, headers=headers))

    assert isinstance(failure, Throttled)
    assert wait_ms == failure.retry_after_ms


@pytest.mark.parametrize(
    ("name", "headers", "wait_ms"),
    [
        ("daily_quota_exceeded", {}, HOUR_MS),
        ("daily_quota_exceeded", {"retry-after": "1"}, HOUR_MS),
        ("daily_quota_exceeded", {"retry-after": "1800"}, HOUR_MS // 2),
        ("monthly_quota_exceeded", {"retry-after": "1"}, 6 * HOUR_MS),
    ],
)
async def test_exhausted_quota_delays_all_mail_for_hours_and_not_seconds(
    name: str, headers: dict[str, str], wait_ms: int
) -> None:
    failure = await failure_of(error(429, name, headers=headers))

    assert isinstance(failure, Misconfigured)
    assert wait_ms == failure.retry_after_ms


async def test_a_refused_connection_sent_nothing() -> None:
    async with nobody_listens() as url, mailer_at(url) as mailer:
        with pytest.raises(Failure) as raised:
            await mailer.send(TO_ADA, idempotency_key=KEY)

    assert (Transient, "connect") == (type(raised.value), raised.value.code)


async def test_failed_tls_handshake_sends_nothing() -> None:
    async with scripted(says(200, {"id": "1"})) as server, mailer_at(server.url.replace("http:", "https:")) as mailer:
        with pytest.raises(Failure) as raised:
            await mailer.send(TO_ADA, idempotency_key=KEY)

    assert (Transient, "connect") == (type(raised.value), raised.value.code)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (hangs(), "read_timeout"),
        (drips(), "read_timeout"),
        (hangs_up(), "remote_protocol_error"),
        (breaks_off(), "remote_protocol_error"),
    ],
)
async def test_request_to_resend_without_an_answer_is_ambiguous(answer: Answer, code: str) -> None:
    failure = await failure_of(answer, timeout_s=0.2)

    assert (Ambiguous, code) == (type(failure), failure.code)


@pytest.mark.parametrize("url", ["localhost:1", "ftp://localhost", "http://localhost:no-port"])
async def test_invalid_resend_url_is_misconfigured_and_names_the_settings(url: str) -> None:
    async with mailer_at(url) as mailer:
        with pytest.raises(Misconfigured, match="check the settings"):
            await mailer.send(TO_ADA, idempotency_key=KEY)


@pytest.mark.parametrize("key", ["", "  ", "re_1 re_2", "re_ключ", "re_1\nre_2"])
def test_invalid_resend_key_is_refused_at_once_and_not_quoted(key: str) -> None:
    with pytest.raises(ValueError, match="RESEND_API_KEY") as raised:
        ResendMailer(key, "http://localhost")

    assert not key.strip() or key.strip() not in str(raised.value)


async def test_each_request_is_measured_by_outcome() -> None:
    def count(outcome: str) -> float:
        labels = {"provider": "resend", "outcome": outcome}
        return REGISTRY.get_sample_value("advent_provider_request_seconds_count", labels) or 0

    before = count("ok"), count("throttled")
    async with resend(says(200, {"id": "1"})) as (mailer, _):
        await mailer.send(TO_ADA, idempotency_key=KEY)
    await failure_of(error(429, "rate_limit_exceeded"))

    assert (before[0] + 1, before[1] + 1) == (count("ok"), count("throttled"))


def row(number: int, *, to: str, created: str, event: str = "delivered") -> dict[str, Any]:
    return {"id": f"m{number}", "to": [to], "subject": f"No. {number}", "created_at": created, "last_event": event}


async def test_accepted_mails_to_one_address_are_found_page_by_page_back_to_a_time() -> None:
    first = [row(n, to="else@salon.example", created="2026-11-24 10:00:01.5+00") for n in range(PAGE)]
    second = [
        row(200, to="Ada@Salon.example", created="2026-11-24T10:00:01.250Z", event="sent"),
        row(201, to="ada@salon.example", created="2026-11-24 09:59:59+00"),
    ]
    pages = [says(200, {"object": "list", "has_more": True, "data": page}) for page in (first, second)]
    since_ms = 1_795_514_400_000
    async with resend(*pages) as (mailer, server):
        found = await mailer.list_accepted("ada@salon.example", since_ms)

    expected = AcceptedMail(
        id="m200", to=("ada@salon.example",), subject="No. 200", created_ms=since_ms + 1_250, last_event="sent"
    )
    assert [expected] == found
    assert [asked.query for asked in server.asked] == [{"limit": "100"}, {"limit": "100", "after": "m99"}]
    assert [asked.body for asked in server.asked] == [b"", b""]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (error(401, "restricted_api_key"), Misconfigured),
        (error(500, "internal_server_error"), Transient),
        (hangs_up(), Transient),
        (says(200, "<html>"), Transient),
        (says(200, []), Transient),
    ],
)
async def test_failed_listing_of_accepted_mails_is_never_ambiguous(answer: Answer, kind: type) -> None:
    async with resend(answer) as (mailer, _):
        with pytest.raises(Failure) as raised:
            await mailer.list_accepted("ada@salon.example", 0)

    assert kind is type(raised.value)


async def test_a_mail_is_read_as_it_was_sent() -> None:
    kept = {"object": "email", "id": "49a3999c", "subject": "Your results", "html": "<p>Zoë</p>", "text": None}
    async with resend(says(200, kept)) as (mailer, server):
        found = await mailer.read_sent("49a3999c")

    assert found == SentMail(subject="Your results", html="<p>Zoë</p>", text="")
    assert (server.asked[0].method, server.asked[0].path) == ("GET", "/emails/49a3999c")


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (error(401, "restricted_api_key"), Misconfigured),
        (error(404, "not_found"), Permanent),
        (error(429, "rate_limit_exceeded"), Throttled),
        (error(500, "internal_server_error"), Transient),
        (says(200, ["no mail"]), Transient),
        (hangs_up(), Transient),
    ],
)
async def test_failure_to_read_a_sent_mail_has_the_right_kind(answer: Answer, failure: type[Failure]) -> None:
    async with resend(answer) as (mailer, _):
        with pytest.raises(failure) as raised:
            await mailer.read_sent("49a3999c")

    assert not isinstance(raised.value, Ambiguous)
