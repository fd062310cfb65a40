"""Our client against the imitated Twilio: magic numbers, faults, the list, signed callbacks, a phone that answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from common.domain.sms import Sms
from common.errors import Ambiguous, Failure, Misconfigured, Permanent, Throttled, Transient
from common.providers.twilio.texter import TwilioTexter
from services.sandbox.ids import TWILIO_NUMBER, TWILIO_SID, TWILIO_TOKEN
from services.sandbox.twilio.callbacks import signature
from tests.sandbox.running import RunningSandbox, running

NUMBER = "+14165550123"


class Received:
    """A stand-in for the gateway: records each posted form, and whether its signature is right."""

    def __init__(self) -> None:
        self.forms: list[dict[str, str]] = []
        self.are_signed: list[bool] = []
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        expected = signature(TWILIO_TOKEN, f"{self.url}{request.raw_path}", form)
        self.forms.append(form)
        self.are_signed.append(request.headers["X-Twilio-Signature"] == expected)
        return web.Response(text="<Response/>", content_type="text/xml")


@pytest.fixture
async def received() -> AsyncIterator[Received]:
    received = Received()
    app = web.Application()
    app.router.add_post("/webhook/twilio", received.take)
    async with TestServer(app) as server:
        received.url = str(server.make_url("")).rstrip("/")
        yield received


@pytest.fixture
async def run(received: Received) -> AsyncIterator[RunningSandbox]:
    async with running(gateway_url=received.url) as started:
        yield started


@pytest.fixture
async def texter(run: RunningSandbox, received: Received) -> AsyncIterator[TwilioTexter]:
    async with _texter(run, received) as one:
        yield one


class _texter:
    def __init__(self, run: RunningSandbox, received: Received, **given: Any) -> None:
        self._texter = TwilioTexter(
            **{
                "account_sid": TWILIO_SID,
                "auth_token": TWILIO_TOKEN,
                "sender": TWILIO_NUMBER,
                "api_url": f"{run.url}/twilio",
                "callback_url": f"{received.url}/webhook/twilio",
                "clock": run.clock,
                "timeout_s": 2,
                **given,
            }
        )

    async def __aenter__(self) -> TwilioTexter:
        return self._texter

    async def __aexit__(self, *_: object) -> None:
        await self._texter.close()


def text(run: RunningSandbox, to: str = NUMBER, body: str = "our call, 9 a.m.", seconds: int = 3_600) -> Sms:
    until_ms = run.clock.now_ms() + seconds * 1_000
    reference = {"delivery": "bkg_aaaaaaaaaaaaaaaa/1/24h.sms", "contact": "enr_aaaaaaaaaaaaaaaa"}
    return Sms(to=to, body=body, valid_until_ms=until_ms, reference=reference)


async def phone(run: RunningSandbox, number: str = NUMBER) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = await run.json(f"/phones.json?number={number.replace('+', '%2B')}")
    return found


async def test_sent_sms_is_on_the_phone_and_in_the_list(run, texter):
    sid = await texter.send(text(run, seconds=7_200))
    (listed,) = await texter.list_accepted(run.clock.now_ms() - 1_000, to=NUMBER)
    assert (listed.id, listed.to, listed.body) == (sid, NUMBER, "our call, 9 a.m.")
    (shown,) = await phone(run)
    assert (shown["sid"], shown["validity_s"], shown["sender"]) == (sid, 7_200, TWILIO_NUMBER)


async def test_validity_of_an_sms_stays_within_the_limits_of_twilio(run, texter):
    for seconds in (100_000, 0):
        await texter.send(text(run, seconds=seconds))
    assert [one["validity_s"] for one in await phone(run)] == [36_000, 1]


@pytest.mark.parametrize(
    ("number", "code", "is_recipient", "is_opt_out"),
    [
        ("+15005550001", "twilio_21211", True, False),
        ("+15005550009", "twilio_21614", True, False),
        ("+15005550004", "twilio_21610", True, True),
        ("+15005550003", "twilio_21408", False, False),
        ("+15005550002", "twilio_21612", False, False),
    ],
)
async def test_magic_numbers_of_twilio_are_refused_permanently(run, texter, number, code, is_recipient, is_opt_out):
    with pytest.raises(Permanent) as refused:
        await texter.send(text(run, to=number))
    assert (refused.value.code, refused.value.is_recipient, refused.value.is_opt_out) == (
        code,
        is_recipient,
        is_opt_out,
    )
    assert await phone(run, number) == []


@pytest.mark.parametrize(
    ("rule", "kind", "accepted"),
    [
        ({"kind": "status", "name": "20429", "retry_after": 3}, Throttled, 0),
        ({"kind": "status", "name": "21611"}, Throttled, 0),
        ({"kind": "status", "name": "60728"}, Misconfigured, 0),
        ({"kind": "status", "name": "63038"}, Misconfigured, 0),
        ({"kind": "status", "name": "20003"}, Misconfigured, 0),
        ({"kind": "status", "name": "30034"}, Misconfigured, 0),
        ({"kind": "unavailable"}, Ambiguous, 0),
        ({"kind": "drop_before"}, Ambiguous, 0),
        ({"kind": "drop_after"}, Ambiguous, 1),
        ({"kind": "error_after"}, Ambiguous, 1),
        ({"kind": "html_502"}, Ambiguous, 0),
        ({"kind": "html_200"}, Ambiguous, 0),
        ({"kind": "timeout_after"}, Ambiguous, 1),
    ],
)
async def test_each_twilio_fault_raises_its_failure(run, received, rule, kind, accepted):
    await run.put("/faults", [{"provider": "twilio", "operation": "messages.create", **rule}])
    async with _texter(run, received, timeout_s=0.5) as texter:
        with pytest.raises(Failure) as failed:
            await texter.send(text(run))
    assert type(failed.value) is kind
    assert len(await phone(run)) == accepted


async def test_unavailable_sms_list_is_transient_and_not_ambiguous(run, texter):
    await run.put("/faults", [{"provider": "twilio", "operation": "messages.list", "kind": "unavailable"}])
    with pytest.raises(Transient) as failed:
        await texter.list_accepted(0)
    assert not isinstance(failed.value, Ambiguous)


async def test_wrong_twilio_token_or_account_is_misconfigured(run, received):
    for given in ({"auth_token": "wrong"}, {"account_sid": "AC" + "0" * 32, "auth_token": "wrong"}):
        async with _texter(run, received, **given) as texter:
            with pytest.raises(Misconfigured):
                await texter.send(text(run))


async def test_all_pages_of_the_sms_list_are_read_without_answers_of_phones(run, texter, monkeypatch):
    monkeypatch.setattr("common.providers.twilio.texter.PAGE", 3)
    sids = [await texter.send(text(run, body=f"number {number}")) for number in range(7)]
    await run.http.post(f"{run.url}/phones.json", json={"from": NUMBER, "body": "thanks"})
    assert [one.id for one in await texter.list_accepted(run.clock.now_ms() - 1_000)] == sids[::-1]


async def test_sms_list_that_is_too_long_is_refused(run, texter, monkeypatch):
    monkeypatch.setattr("common.providers.twilio.texter.PAGE", 1)
    monkeypatch.setattr("common.providers.twilio.texter.PAGES_MAX", 2)
    for number in range(3):
        await texter.send(text(run, body=f"number {number}"))
    with pytest.raises(Permanent, match="list_too_long"):
        await texter.list_accepted(run.clock.now_ms() - 1_000)


@pytest.mark.parametrize(
    ("dials", "statuses"),
    [
        ({}, ["sent", "delivered"]),
        ({"webhook_shuffled": True}, ["delivered", "sent"]),
        ({"webhook_copies": 2}, ["sent", "sent", "delivered", "delivered"]),
        ({"sms_undelivered": ["+1416*"], "sms_error_code": 30007}, ["sent", "undelivered"]),
    ],
)
async def test_sms_statuses_are_posted_with_a_signature_over_the_whole_url(run, texter, received, dials, statuses):
    await run.put("/faults", {"dials": dials})
    await texter.send(text(run))
    async with asyncio.timeout(10):
        while len(received.forms) < len(statuses):
            await asyncio.sleep(0.01)
    assert [form["MessageStatus"] for form in received.forms] == statuses
    assert all(received.are_signed)


async def test_sms_to_a_phone_that_answered_stop_is_refused_until_start(run, texter, received):
    await texter.send(text(run))
    await run.http.post(f"{run.url}/phones/answer", data={"from": NUMBER, "body": "STOP"})
    with pytest.raises(Permanent, match="21610"):
        await texter.send(text(run))
    await run.http.post(f"{run.url}/phones/answer", data={"from": NUMBER, "body": "START"})
    await texter.send(text(run))
    assert [form["Body"] for form in received.forms if "Body" in form] == ["STOP", "START"]


async def test_the_phones_page_shows_the_conversation_escaped(run, texter):
    await texter.send(text(run, body="<b>our call</b>"))
    await run.http.post(f"{run.url}/phones.json", json={"from": NUMBER, "body": "late"})
    async with run.http.get(f"{run.url}/phones") as answer:
        page = await answer.text()
    assert NUMBER in page
    assert "&lt;b&gt;our call" in page
    assert "1 segment in GSM-7" in page
    assert "late" in page
