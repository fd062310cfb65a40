"""The `Date` header of providers' answers gives the time when our own clocks disagree."""

from __future__ import annotations

import time
from email.utils import formatdate

import httpx
import pytest
from aiohttp import web

from common.clock import DateWitness
from common.providers.http import DeadlineClient

DAY_S = 86_400


def witness(*dates_s: int, steady_ms: int = 0) -> DateWitness:
    made = DateWitness(lambda: steady_ms)
    for seconds in dates_s:
        made.note({"date": formatdate(seconds, usegmt=True)})
    return made


@pytest.mark.parametrize(
    ("dates_s", "expected_ms"),
    [
        ((), None),
        ((DAY_S,), DAY_S * 1000 + 500),
        ((DAY_S, DAY_S + 5), (DAY_S + 5) * 1000 + 500),
        # Two different dates are not enough to decide; of three, the one in the middle is right.
        ((DAY_S, 9 * DAY_S), None),
        ((DAY_S, 9 * DAY_S, DAY_S + 5), (DAY_S + 5) * 1000 + 500),
    ],
)
def test_one_wrong_date_among_several_is_ignored(dates_s, expected_ms) -> None:
    assert witness(*dates_s).read_ms() == expected_ms


def test_time_read_from_an_answer_advances_with_the_monotonic_clock() -> None:
    now = {"ms": 10_000}
    made = DateWitness(lambda: now["ms"])
    made.note({"date": formatdate(DAY_S, usegmt=True)})

    now["ms"] += 7_000
    assert made.read_ms() == (DAY_S + 7) * 1000 + 500


@pytest.mark.parametrize(
    "headers", [{}, {"date": "yesterday"}, {"date": formatdate(DAY_S, usegmt=True), "age": "3600"}]
)
def test_answer_without_a_date_or_from_a_cache_gives_no_time(headers) -> None:
    made = witness()
    made.note(headers)
    assert made.read_ms() is None


async def test_date_of_every_provider_answer_is_noted() -> None:
    made = DateWitness(lambda: time.monotonic_ns() // 1_000_000)
    app = web.Application()
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        async with DeadlineClient(total_s=5, witness=made) as client:
            answer = await client.get(f"http://127.0.0.1:{runner.addresses[0][1]}/")
    finally:
        await runner.cleanup()

    assert isinstance(answer, httpx.Response)
    read_ms = made.read_ms()
    assert read_ms is not None
    assert abs(read_ms - time.time() * 1000) < 5_000
