"""
What one person who waits for a step costs in the store, all state included.

Typical people go through the ledger's own transitions, as gateway and worker would call them; the store's memory is
read before and after, and divided by their number. Keys are then weighed by kind, to tell where the bytes are.
"""

from __future__ import annotations

import asyncio
import tempfile
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import redis.asyncio

from benchmarks.figures import Figure, Goal
from common.campaigns.loader import load_campaign
from common.clock import SystemClock
from common.domain.cadence import Pace
from common.domain.contact import Assessment
from common.domain.enrollment import Enrollment, Status
from common.domain.ids import EnrollmentId, enrollment_id, step_delivery_id
from common.ledger import keys
from common.ledger.answers import Go
from common.ledger.ledger import Ledger
from common.store import EmbeddedStore, connect_async

GOAL = Goal(1_000)
AT_ONCE = 64
WEIGHED = 500
NAMES = ("Ada", "Boris", "Chen", "Dunya", "Emeka", "Farah", "Guilhermina", "Hiroshi")
SYSTEMS = ("GPS", "CREW", "ENGINE", "FUEL", "CABIN", "COCKPIT", "RADAR", "AUTOPILOT")


def measure(*, people: int) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="advent-") as directory:
        store = EmbeddedStore(Path(directory))
        store.start()
        try:
            return asyncio.run(_measure(store.url, people))
        finally:
            store.stop()


async def _measure(url: str, people: int) -> list[Figure]:
    async with _ledger(url) as ledger:
        cast = [_person(number) for number in range(people)]
        before = await _used(ledger.client)
        await _each(cast, lambda person: _sign_up(ledger, person))
        await _done(ledger.client, "classify")
        waiting_for_first = await _used(ledger.client) - before
        await _each(cast, lambda person: _send_first(ledger, person))
        await _each(range(people), lambda _: _mirror(ledger))
        waiting_for_second = await _used(ledger.client) - before
        parts = await _weigh(ledger.client, cast)
    about = f"{people:,} people; " + ", ".join(f"{name} {weight}" for name, weight in parts.items())
    return [
        Figure("a person who waits for step 2", round(waiting_for_second / people), "bytes", GOAL, about),
        Figure("a person who waits for step 1", round(waiting_for_first / people), "bytes", GOAL, "not yet in Notion"),
    ]


@asynccontextmanager
async def _ledger(url: str) -> AsyncIterator[Ledger]:
    client = connect_async(url)
    campaign = load_campaign("christmas_2025")
    cadence = campaign.cadence(Pace())
    # A worker that lives as long as the measurement: its next heartbeat is far ahead.
    await client.zadd(keys.HEARTBEATS, {"bench": 9e15})
    yield Ledger(client, campaign=campaign.key, cadence=cadence, secret_key="s" * 32)
    await client.aclose()


def _person(number: int) -> Assessment:
    name = NAMES[number % len(NAMES)]
    return Assessment(
        email=f"{name.lower()}.{number:06}@example.com",
        first_name=name,
        business_name=f"{name}'s Salon & Day Spa",
        assessment_score=30 + number % 56,
        red_systems=number % 3,
        orange_systems=1 + number % 2,
        yellow_systems=1,
        green_systems=5 - number % 3 - number % 2,
        gps_score=20 + number % 71,
        money_score=25 + number % 61,
        weakest_system_1=SYSTEMS[number % 8],
        weakest_system_2=SYSTEMS[(number + 3) % 8],
        strongest_system=SYSTEMS[(number + 5) % 8],
        revenue_leak_total=2_000 + number % 60 * 500,
        timezone="America/Toronto",
        locale="en-CA",
    )


async def _sign_up(ledger: Ledger, person: Assessment) -> None:
    """The gateway's part, and the classification."""
    now_ms = SystemClock().now_ms()
    accepted = await ledger.accept(person, webhook_id=_webhook_id(person), received_ms=now_ms)
    enrollment = Enrollment(
        id=accepted.enrollment_id,
        campaign=ledger.campaign,
        status=Status.ACCEPTED,
        segment=accepted.segment,
        assessment=person,
        anchor_ms=now_ms,
        assessed_ms=now_ms,
    )
    await ledger.enroll(enrollment, now_ms=now_ms, announce=False)


async def _send_first(ledger: Ledger, person: Assessment) -> None:
    """The worker's part: step 1 is accepted, step 2 is scheduled."""
    now_ms = SystemClock().now_ms()
    delivery = step_delivery_id(_id(ledger, person), 1)
    claim = await ledger.claim(delivery, worker="bench", now_ms=now_ms)
    assert isinstance(claim, Go), claim
    await ledger.freeze(claim, "a mail, which is freed when it is settled", now_ms=now_ms)
    await ledger.settle(claim, "accepted", str(uuid.uuid5(uuid.NAMESPACE_DNS, person.email)), now_ms=now_ms)


async def _mirror(ledger: Ledger) -> None:
    """Whoever changed last is shown: Notion's page ids, and a digest of what each page shows, are kept."""
    now_ms = SystemClock().now_ms()
    changed = await ledger.take_changed(worker="bench", now_ms=now_ms)
    if changed is None:
        return
    pages = {}
    for table in ("sequence", "contact"):
        page = uuid.uuid5(uuid.NAMESPACE_DNS, table + changed.id)
        pages |= {table: str(page), f"{table}_digest": page.hex[:16]}
    await ledger.shown(changed.person, pages, worker="bench", now_ms=now_ms)


async def _done(client: redis.asyncio.Redis, queue: str) -> None:
    """As when every job of a queue has been worked off: nothing of them remains."""
    await client.delete(keys.delayed(queue), keys.delayed(queue) + ".msgs")


async def _weigh(client: redis.asyncio.Redis, cast: list[Assessment]) -> dict[str, int]:
    """Bytes a person by kind of key, largest first: own keys by a sample, shared ones as a whole."""
    sample = cast[:: max(1, len(cast) // WEIGHED)]
    people = [keys.enrollment(enrollment_id("christmas_2025", person.email)) for person in sample]
    webhooks = [keys.webhook(_webhook_id(person)) for person in sample]
    send = keys.delayed("send")
    weights = {
        "enrollment": await _weight(client, people) / len(sample),
        "webhook id": await _weight(client, webhooks) / len(sample),
        "job": await _weight(client, [send + ".msgs"]) / len(cast),
        "schedule": await _weight(client, [send]) / len(cast),
        "list of all": await _weight(client, [keys.ENROLLED]) / len(cast),
    }
    return {name: round(weight) for name, weight in sorted(weights.items(), key=lambda part: -part[1])}


async def _weight(client: redis.asyncio.Redis, names: list[str]) -> int:
    return sum([await client.memory_usage(name, samples=0) or 0 for name in names])


async def _used(client: redis.asyncio.Redis) -> int:
    """The store's memory, once it no longer moves: a hash table that grows holds two for a while."""
    last = -1
    while (used := int((await client.info("memory"))["used_memory"])) // 20_000 != last // 20_000:
        last = used
        await asyncio.sleep(0.5)  # noqa: TID251 -- nothing tells that the store has tidied up
    return used


async def _each(items: Iterable[object], do: Callable[[object], Awaitable[None]]) -> None:
    waiting = iter(items)

    async def work() -> None:
        for item in waiting:
            await do(item)

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))


def _id(ledger: Ledger, person: Assessment) -> EnrollmentId:
    return enrollment_id(ledger.campaign, person.email)


def _webhook_id(person: Assessment) -> str:
    """As long as those of Standard Webhooks' senders: `msg_` and 27 characters."""
    return f"signup:msg_{uuid.uuid5(uuid.NAMESPACE_DNS, person.email).hex[:27]}"
