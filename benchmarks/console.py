"""
Measures the console with 100,000 people: how long each page takes, and how many commands of the store it needs.

The console runs in its own process. Before each request a contact gets a mail, as in a campaign under way, so that the
console cannot return an earlier response again.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import aiohttp

from benchmarks.busy_store import MARKED, REASONS, fill
from benchmarks.cast import person, send, who
from benchmarks.figures import Figure, Goal
from benchmarks.people import SECRET_KEY, connected
from common.clock import SystemClock
from common.domain.contact import Assessment
from common.ledger.ledger import Ledger
from common.observability.logs import setup_logs
from common.settings.settings import Settings
from services.console.dead_letters.groups import group_id
from tests.acceptance.place import SECRETS, Place

LATENCY_GOAL = Goal(200)
COMMANDS_GOAL = Goal(400)
"""Some commands for each of the 50 people or dead letters of a page, and as many again for what every page shows."""
READ_GOAL = Goal(10)
READ_S_MAX = 300
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


@dataclass(frozen=True, slots=True)
class Timing:
    """The measurement of one page: its name, its time in each request, and the store's mean commands per request."""

    name: str
    times_ms: Sequence[float]
    commands: float

    @property
    def p95_ms(self) -> float:
        return sorted(self.times_ms)[round(0.95 * (len(self.times_ms) - 1))]


def measure(*, people: int, requests: int) -> list[Figure]:
    setup_logs("bench", Settings(log_level="ERROR"))  # Otherwise ten thousand actions write as many lines.
    cast = [person(number) for number in range(people)]
    place = Place(**SECRETS | {"SECRET_KEY": SECRET_KEY}, LOG_LEVEL="ERROR")
    try:
        store = place.own_store()
        store.start()
        alone = place.serve("console")
        alone_kb = _memory_kb(alone.pid)
        alone.stop(signal.SIGTERM)
        asyncio.run(fill(store.url, cast))
        console = place.serve("console")
        read_s = asyncio.run(_until_read(place.console_url, people))
        grown_kb = _memory_kb(console.pid) - alone_kb
        timings = asyncio.run(_time_all(place.console_url, store.url, cast, requests))
    finally:
        place.close()
    of_reading = f"{people:,} people; until then its pages show how many it has read"
    return [
        Figure("time until the console has read all people", round(read_s, 1), "s", READ_GOAL, of_reading),
        Figure("memory of the console per person", round(grown_kb * 1024 / people), "bytes", None, "all listed data"),
        *_figures(timings),
    ]


def _figures(timings: Sequence[Timing]) -> Iterable[Figure]:
    """Yield the slowest page and the page with the most commands, then each page."""
    slowest, costliest = max(timings, key=lambda one: one.p95_ms), max(timings, key=lambda one: one.commands)
    yield Figure("the slowest page, p95", round(slowest.p95_ms), "ms", LATENCY_GOAL, slowest.name)
    yield Figure("most commands of a page", round(costliest.commands), "", COMMANDS_GOAL, costliest.name)
    for one in timings:
        about = f"{one.commands:,.0f} commands; the slowest {max(one.times_ms):,.0f} ms"
        yield Figure(f"page {one.name}, p95", round(one.p95_ms, 1), "ms", LATENCY_GOAL, about)


def _pages(ledger: Ledger, cast: Sequence[Assessment]) -> dict[str, str]:
    one, campaign = f"/people/{who(ledger, cast[len(cast) // 2])}", f"/campaigns/{ledger.campaign}"
    from_ms = ledger.cadence.due_ms(anchor_ms=SystemClock().now_ms(), step=2) // HOUR_MS * HOUR_MS
    bar = urlencode(
        {
            "campaign": ledger.campaign,
            "segment": "CRITICAL",
            "due_from": from_ms - 2 * HOUR_MS,
            "due_until": from_ms + DAY_MS,
        }
    )
    return {
        "overview": "/",
        "people": "/people",
        "people, two words": "/people?q=ada+sal",
        "people, one of many": f"/people?q={cast[len(cast) // 2].email.partition('@')[0]}",
        "people, filters": "/people?segment=CRITICAL&status=active&booked=no&step=2&sort=name",
        "people, the last page": f"/people?sort=name&from={len(cast) - 50}",
        "people, by next mail": "/people?sort=next",
        "people, with a dead letter": "/people?dead=yes",
        "people, suppressed": "/people?suppressed=yes",
        "people, paused": "/people?paused=yes",
        "people as CSV, some": "/people.csv?q=ada.0001",
        "person": one,
        "mail of a person": f"{one}/mails/step-2",
        "schedule": "/schedule",
        "mails of a bar of the schedule": f"/schedule/mails?{bar}",
        "campaigns": "/campaigns",
        "campaign": campaign,
        "gallery": f"{campaign}/gallery",
        "gallery, as one person": f"{campaign}/gallery?person={who(ledger, cast[0])}",
        "queues": "/queues",
        "failed jobs of a queue": "/queues?queue=send",
        "unread bookings": "/unread-bookings",
        "dead letters": "/dead-letters",
        "dead letters of a reason": f"/dead-letters?group={group_id(REASONS[0])}",
        "held signups": "/held-signups",
        "actions": "/actions",
        "actions of one user": "/actions?by=nobody",
        "API, overview": "/api/overview",
        "API, people": "/api/people?q=ada&limit=50",
        "API, person": f"/api{one}",
        "API, schedule": "/api/schedule",
        "API, mails of a bar": f"/api/schedule/mails?{bar}",
        "API, campaigns": "/api/campaigns",
        "API, campaign": f"/api{campaign}",
        "API, gallery": f"/api{campaign}/mails",
        "API, unread bookings": "/api/unread-bookings",
        "API, dead letters": "/api/dead-letters",
        "API, actions": "/api/actions",
    }


async def _until_read(url: str, people: int) -> float:
    """Return the seconds until the console, which serves requests already, has read all people."""
    began = time.perf_counter()
    async with aiohttp.ClientSession() as http:
        while time.perf_counter() - began < READ_S_MAX:
            async with http.get(f"{url}/api/people?limit=1") as response:
                body = await response.json()
            if body["is_complete"] and body["total"] == people:
                return time.perf_counter() - began
            await asyncio.sleep(0.25)  # noqa: TID251 -- another process, which tells nobody when it is ready
    raise TimeoutError(f"the console has not read {people:,} people")


async def _time_all(url: str, store_url: str, cast: Sequence[Assessment], requests: int) -> list[Timing]:
    waiting = iter(cast[2 * MARKED :])
    async with connected(store_url) as ledger, aiohttp.ClientSession(url) as http:
        return [await _time(http, ledger, name, path, waiting, requests) for name, path in _pages(ledger, cast).items()]


async def _time(
    http: aiohttp.ClientSession, ledger: Ledger, name: str, path: str, waiting: Iterator[Assessment], requests: int
) -> Timing:
    """Measure a page. `waiting`: people who wait for step 2; each request uses one."""
    times_ms = []
    await _get(http, path)
    commands = 0
    for _ in range(requests):
        await send(ledger, next(waiting), 2)
        before = await _commands(ledger)
        times_ms.append(await _get(http, path))
        commands += await _commands(ledger) - before
    return Timing(name, times_ms, commands / requests)


async def _get(http: aiohttp.ClientSession, path: str) -> float:
    """Return how long the complete response took, in ms. Raises if its status is an error."""
    began = time.perf_counter()
    async with http.get(path) as response:
        await response.read()
        response.raise_for_status()
    return (time.perf_counter() - began) * 1_000


async def _commands(ledger: Ledger) -> int:
    """Return how many commands the store has executed, including those of scripts, without INFO."""
    stats = await ledger.client.info("commandstats")
    return sum(each["calls"] for name, each in stats.items() if name != "cmdstat_info")


def _memory_kb(pid: int) -> int:
    """Return the resident memory of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))
