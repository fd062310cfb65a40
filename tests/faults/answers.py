"""What a provider over loopback HTTP answers or does for a row of the fault matrix."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from tests.contract.scripted import Answer, breaks_off, drips, hangs, hangs_up, nobody_listens, says
from tests.faults.matrix import Fault

ELSEWHERE = ("refused", "no name", "no tls", "not ours")
"""Answers of rows whose request reaches no provider; another address stands in for these."""

CARRIED_OUT = ("hangs after", "hangs up after")

SLOW = ("hangs", "hangs after", "drips")


def timeout_s(fault: Fault) -> float:
    """Return a short timeout where the test waits for it, or a long one that a busy machine does not reach."""
    return 0.6 if fault.answer in SLOW else 10


MESSAGES = {
    "the domain is not verified": "The `salon.example` domain is not verified. Please, add and verify your domain.",
    "only testing emails to your own": "You can only send testing emails to your own email address (a@b.example).",
    "invalid `to` field": "Invalid `to` field. The email address needs to follow the `email@example.com` format.",
    "invalid `from` field": "Invalid `from` field. The email address needs to follow the `email@example.com` format.",
}


def broken_json() -> Answer:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(text='{"id":', content_type="application/json")

    return answer


_SILENT: dict[str, Answer] = {
    "hangs": hangs(),
    "hangs after": hangs(),
    "drips": drips(),
    "hangs up": hangs_up(),
    "hangs up after": hangs_up(),
    "breaks off": breaks_off(),
    "html": says(200, "<html>welcome"),
    "broken json": broken_json(),
    "empty object": says(200, {}),
}


def answer_of(fault: Fault) -> Answer:
    """Return the answer of the provider for a row whose request reaches it."""
    if isinstance(fault.answer, str):
        return _SILENT[fault.answer]
    status, name, words = fault.answer
    headers = fault.headers | ({"Location": "/"} if 300 <= status < 400 else {})
    if name is None:
        return says(status, f"<html>{words}", headers)
    message = MESSAGES.get(words, "said so")
    body: dict[str, Any] = {"statusCode": status, "name": name, "message": message}
    if fault.provider == "notion":
        body = {"object": "error", "status": status, "code": name, "message": message, "request_id": "r"}
        body |= {"additional_data": fault.more} if fault.more else {}
    return says(status, body, headers)


@asynccontextmanager
async def elsewhere(word: str, url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """Yield the address that stands in for a row of `ELSEWHERE`; `url`: where the provider answers plain HTTP."""
    if word == "refused":
        async with nobody_listens() as nobody:
            yield nobody
    elif word == "no name":
        monkeypatch.setattr(socket, "getaddrinfo", _no_name)
        yield "http://no-such-name.example"
        monkeypatch.undo()
    elif word == "no tls":
        yield url.replace("http:", "https:")
    else:
        yield "ftp://127.0.0.1"


def _no_name(*_args: Any, **_named: Any) -> Any:
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
