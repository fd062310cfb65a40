"""Measures how fast one worker processes many bookings at once, and how late a reminder is that is due meanwhile."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from pathlib import Path

import redis

from benchmarks.figures import Figure, Goal
from common.clock import SystemClock
from common.domain.booking import BookingEvent, BookingKind
from common.domain.cadence import Cadence
from common.ledger import keys
from common.ledger.ledger import Ledger
from common.store.clients import connect, connect_async
from tests.acceptance.place import SECRETS, Place
from tests.acceptance.waiting import eventually

RATE_GOAL = Goal(500, at_least=True)
LATE_GOAL = Goal(1_000)
GUEST = "due@bookings.example"
DAY_MS = 86_400_000
DUE_AFTER_MS = 4_000
"""The reminder is due this long after the worker starts on the bookings."""


def measure(*, bookings: int) -> list[Figure]:
    place = Place(**SECRETS)
    try:
        place.own_store().start()
        place.serve("sandbox")
        assert place.store is not None
        with connect(place.store.url) as client:
            client.sadd(keys.PAUSED_QUEUES, "bookings")
            now_ms = SystemClock().now_ms()
            far_ms = now_ms + 20 * DAY_MS
            others = [_event(f"b{n}", f"guest{n}@bookings.example", far_ms, now_ms) for n in range(1, bookings)]
            asyncio.run(_book(place.store.url, others))
            worker = place.serve("worker")
            due_ms = SystemClock().now_ms() + DUE_AFTER_MS
            asyncio.run(_book(place.store.url, [_event("first", GUEST, due_ms + DAY_MS, now_ms - 1)]))
            client.srem(keys.PAUSED_QUEUES, "bookings")
            seconds, processor_s = _work_off(client, worker.pid)
        late_ms = _lateness_ms(place, due_ms)
    finally:
        place.close()
    about = f"{bookings:,} at once; {1000 * processor_s / bookings:.2f} ms of the worker's processor time each"
    return [
        Figure("bookings processed a second, one worker", round(bookings / seconds), "/s", RATE_GOAL, about),
        Figure("lateness of a reminder due meanwhile", late_ms, "ms", LATE_GOAL, "after its due time, at the provider"),
    ]


async def _book(url: str, events: Sequence[BookingEvent]) -> None:
    """Store all bookings and make them due for processing, as a gateway does."""
    client = connect_async(url)
    cadence = Cadence((0,), minimum_gap_ms=0)
    ledger = Ledger(client, campaign="christmas_2025", cadence=cadence, secret_key=SECRETS["SECRET_KEY"])
    for first in range(0, len(events), 200):
        page = events[first : first + 200]
        await asyncio.gather(*(ledger.bookings.accept(event, webhook_id=f"calcom:{event.uid}") for event in page))
    await client.aclose()


def _event(uid: str, email: str, start_ms: int, received_ms: int) -> BookingEvent:
    return BookingEvent(
        kind=BookingKind.CREATED,
        uid=uid,
        event_ms=received_ms,
        received_ms=received_ms,
        start_ms=start_ms,
        end_ms=start_ms + 1_800_000,
        email=email,
        first_name="Ada",
        timezone="America/Toronto",
        title="Strategy Call",
        join_url=f"https://app.cal.com/video/{uid}",
    )


def _work_off(client: redis.Redis, pid: int) -> tuple[float, float]:
    """Return (seconds, the worker's processor seconds) until the last booking is processed."""
    began, used, clock = time.monotonic(), _processor_s(pid), SystemClock()
    # Each booking is due again after its call, which is days away.
    eventually(lambda: client.zcount(keys.BOOKINGS, "-inf", clock.now_ms()) == 0, "the last booking", within_s=300)
    return time.monotonic() - began, _processor_s(pid) - used


def _processor_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _lateness_ms(place: Place, due_ms: int) -> int:
    eventually(lambda: place.sandbox.inbox(GUEST), "the reminder", within_s=120)
    return int(place.sandbox.inbox(GUEST)[0]["accepted_at"]) - due_ms
