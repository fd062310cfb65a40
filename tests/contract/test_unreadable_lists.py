"""A list that cannot be read shows nothing: neither that a message was accepted, nor that it was not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from common.clock import SystemClock
from common.errors import Transient
from common.providers.budget import Unlimited
from common.providers.resend.mailer import ResendMailer
from common.providers.resend.suppression_list import ResendSuppressionList
from common.providers.twilio.texter import TwilioTexter
from tests.contract.scripted import says, scripted

MAIL = {"id": "m1", "to": ["ada@example.org"], "subject": "Hello", "created_at": "2026-11-24 10:00:01+00"}
SUPPRESSION = {"id": "s1", "email": "ada@example.org", "origin": "manual", "created_at": "2026-11-24T10:00:01.000Z"}
SMS = {"sid": "SM1", "to": "+14165550123", "body": "Hello", "date_created": "Tue, 24 Nov 2026 10:00:01 +0000"}


async def mails_at(url: str) -> int:
    mailer = ResendMailer("re_123", url)
    try:
        return len(await mailer.list_all_accepted(0))
    finally:
        await mailer.close()


async def suppressions_at(url: str) -> int:
    listed = ResendSuppressionList("re_123", url, budget=Unlimited())
    try:
        return sum([len(page) async for page in listed.pages()])
    finally:
        await listed.close()


async def texts_at(url: str) -> int:
    texter = TwilioTexter(
        account_sid="AC1",
        auth_token="token",
        sender="+14165550100",
        api_url=url,
        callback_url="https://gateway.example/webhook/twilio",
        clock=SystemClock(),
    )
    try:
        return len(await texter.list_accepted(0))
    finally:
        await texter.close()


Read = Callable[[str], Awaitable[int]]

LISTS: list[tuple[Read, str, dict[str, Any], tuple[str, str]]] = [
    (mails_at, "data", MAIL, ("id", "created_at")),
    (suppressions_at, "data", SUPPRESSION, ("id", "created_at")),
    (texts_at, "messages", SMS, ("sid", "date_created")),
]
EMPTY: list[tuple[Read, Any]] = [
    (read, body) for read, name, _, _ in LISTS for body in ({}, {name: None}, {name: {}}, {"object": "list"}, [])
]
MALFORMED: list[tuple[Read, str, list[Any]]] = [
    (read, name, [row, bad])
    for read, name, row, (id_, time) in LISTS
    for bad in (
        {key: value for key, value in row.items() if key != id_},
        {key: value for key, value in row.items() if key != time},
        row | {time: "soon"},
        row | {time: None},
        "a row",
        None,
    )
]


@pytest.mark.parametrize(("read", "name", "row"), [(read, name, row) for read, name, row, _ in LISTS])
async def test_provider_list_of_well_formed_rows_is_read(read: Read, name: str, row: dict[str, Any]) -> None:
    async with scripted(says(200, {name: [row]})) as server:
        assert await read(server.url) == 1


@pytest.mark.parametrize(("read", "body"), EMPTY)
async def test_provider_answer_without_its_list_is_unreadable_instead_of_empty(read: Read, body: Any) -> None:
    async with scripted(says(200, body)) as server:
        with pytest.raises(Transient) as raised:
            await read(server.url)

    assert (type(raised.value), raised.value.code) == (Transient, "unreadable_answer")


@pytest.mark.parametrize(("read", "name", "rows"), MALFORMED)
async def test_provider_list_with_a_malformed_row_is_unreadable(read: Read, name: str, rows: list[Any]) -> None:
    async with scripted(says(200, {name: rows})) as server:
        with pytest.raises(Transient) as raised:
            await read(server.url)

    assert (type(raised.value), raised.value.code) == (Transient, "unreadable_answer")
    assert raised.value.provider in ("resend", "twilio")


async def test_suppression_without_an_origin_is_unreadable() -> None:
    async with scripted(says(200, {"object": "suppression"})) as server:
        listed = ResendSuppressionList("re_123", server.url, budget=Unlimited())
        with pytest.raises(Transient, match="unreadable_answer"):
            await listed.origin_of("ada@example.org")
        await listed.close()
