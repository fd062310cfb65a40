"""Commands wait for an absent store for any time, and stop waiting when they are cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
import redis
from redis.backoff import NoBackoff

from common.store import retry
from common.store.retry import OutageLog, retry_until_answered, retry_until_answered_async


class Heard:
    def __init__(self) -> None:
        self.events: list[str] = []

    def warning(self, event: str, **_fields: object) -> None:
        self.events.append(event)

    info = warning


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Heard:
    heard = Heard()
    monkeypatch.setattr(retry, "log", heard)
    return heard


def failing(times: int) -> Iterator[BaseException | str]:
    yield from (redis.ConnectionError("refused") for _ in range(times))
    yield "answer"


def test_the_wait_between_two_tries_stays_short_in_an_outage_of_days() -> None:
    assert 0 < retry._BACKOFF.compute(1_000_000) <= 1


async def test_a_long_outage_is_logged_once_and_its_end_once(heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "_BACKOFF", NoBackoff())
    answers = failing(2_000)

    async def call() -> str:
        answer = next(answers)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    assert await retry_until_answered_async(call, OutageLog()) == "answer"
    assert heard.events == ["store_away", "store_back"]


def test_error_that_waiting_cannot_fix_is_raised_at_once() -> None:
    def command() -> None:
        raise redis.ResponseError("unknown command")

    with pytest.raises(redis.ResponseError, match="unknown command"):
        retry_until_answered(command)


async def test_a_cancellation_that_the_client_swallows_ends_the_wait(heard: Heard) -> None:
    connecting = asyncio.Event()

    async def call() -> None:
        connecting.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise redis.ConnectionError("gave up connecting") from None

    waiting = asyncio.create_task(retry_until_answered_async(call, OutageLog()))
    await connecting.wait()
    waiting.cancel()

    await asyncio.wait([waiting], timeout=60)
    assert waiting.cancelled()
