"""
Measures the store's memory for one person who waits for a step, with all state.

Typical people (`cast.py`) go through the ledger's own transitions, as gateway and worker call them. The growth of the
store's memory is divided by the number of people. Then keys are weighed by kind, to show where the bytes are. Some
people continue to the end of the campaign.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import redis.asyncio

from benchmarks.cast import mirror, person, reported, send, sign_up, webhook_id
from benchmarks.figures import Figure, Goal
from common.campaigns.loader import load_campaign
from common.domain.cadence import Pace
from common.domain.contact import Assessment
from common.domain.ids import enrollment_id
from common.ledger import keys
from common.ledger.ledger import Ledger
from common.store.clients import connect_async
from common.store.embedded import EmbeddedStore

GOAL = Goal(1_000)
AT_ONCE = 64
SECRET_KEY = "s" * 32
WEIGHED = 500
LATER = 5_000
"""The number of people who continue to the end: enough to measure the bytes of one."""


def measure(*, people: int) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="advent-") as directory:
        store = EmbeddedStore(Path(directory))
        store.start()
        try:
            return asyncio.run(_measure(store.url, people))
        finally:
            store.stop()


async def _measure(url: str, people: int) -> list[Figure]:
    async with connected(url) as ledger:
        cast = [person(number) for number in range(people)]
        await _whole_way(ledger, [person(-1)])  # This loads all scripts before the measurement.
        before = await _used(ledger.client)
        await each(cast, lambda one: sign_up(ledger, one))
        await _done(ledger.client, "classify")
        waiting_for_first = (await _used(ledger.client) - before) / people
        await _act(ledger, cast, send, 1)
        waiting_for_second = (await _used(ledger.client) - before) / people
        parts = await _weigh(ledger.client, cast)
        later = [waiting_for_second + bytes_ for bytes_ in await _later(ledger, cast[: min(LATER, people // 5)])]
    about = f"{people:,} people; " + ", ".join(f"{name} {weight}" for name, weight in parts.items())
    return [
        Figure("a person who waits for step 2", round(waiting_for_second), "bytes", GOAL, about),
        Figure("a person who waits for step 1", round(waiting_for_first), "bytes", GOAL, "not yet in Notion"),
        Figure("a person who waits for step 7", round(later[0]), "bytes", None, "six mails were accepted"),
        Figure("a person whose sequence has ended", round(later[1]), "bytes", None, "while the webhook id is stored"),
        Figure("the same, and Resend reported each mail", round(later[2]), "bytes", None, "14 events, stored 45 days"),
    ]


async def _later(ledger: Ledger, some: list[Assessment]) -> list[float]:
    """Return the bytes of a person beyond those at step 2: at step 7, at the end, and with Resend's feedback."""
    before = await _used(ledger.client)
    for step in range(2, 7):
        await _act(ledger, some, send, step)
    waiting_for_last = await _used(ledger.client)
    await _act(ledger, some, send, 7)
    ended = await _used(ledger.client)
    for step in range(1, 8):
        await _act(ledger, some, reported, step)
    with_feedback = await _used(ledger.client)
    return [(used - before) / len(some) for used in (waiting_for_last, ended, with_feedback)]


async def _whole_way(ledger: Ledger, cast: list[Assessment]) -> None:
    await each(cast, lambda one: sign_up(ledger, one))
    for step in range(1, 8):
        await _act(ledger, cast, send, step)
    await _act(ledger, cast, reported, 1)


async def _act(
    ledger: Ledger,
    cast: list[Assessment],
    act: Callable[[Ledger, Assessment, int], Awaitable[None]],
    step: int,
) -> None:
    """Do one act for all people, then mirror them all."""
    await each(cast, lambda one: act(ledger, one, step))
    await each(cast, lambda _: mirror(ledger))


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Ledger]:
    client = connect_async(url)
    campaign = load_campaign("christmas_2025")
    cadence = campaign.cadence(Pace())
    # This worker stays alive for the whole measurement, because its heartbeat is far in the future.
    await client.zadd(keys.HEARTBEATS, {"bench": 9e15})
    yield Ledger(client, campaign=campaign.key, cadence=cadence, secret_key=SECRET_KEY)
    await client.aclose()


async def _done(client: redis.asyncio.Redis, queue: str) -> None:
    """Delete all jobs of a queue, as if they had been processed."""
    await client.delete(keys.delayed(queue), keys.delayed(queue) + ".msgs")


async def _weigh(client: redis.asyncio.Redis, cast: list[Assessment]) -> dict[str, int]:
    """Return bytes per person by kind of key, largest first. Keys of a person are sampled, shared keys are not."""
    sample = cast[:: max(1, len(cast) // WEIGHED)]
    people = [keys.enrollment(enrollment_id("christmas_2025", one.email)) for one in sample]
    webhooks = [keys.webhook(webhook_id(one)) for one in sample]
    weights = {
        "enrollment": await _weight(client, people) / len(sample),
        "webhook id": await _weight(client, webhooks) / len(sample),
        "schedule": await _weight(client, [keys.delayed("send")]) / len(cast),
        "list of all": await _weight(client, [keys.UNDER_WAY]) / len(cast),
    }
    return {name: round(weight) for name, weight in sorted(weights.items(), key=lambda part: -part[1])}


async def _weight(client: redis.asyncio.Redis, names: list[str]) -> int:
    return sum([await client.memory_usage(name, samples=0) or 0 for name in names])


async def _used(client: redis.asyncio.Redis) -> int:
    """Return the store's memory, once it is stable: a hash table that grows exists twice for a while."""
    last = -1
    while (used := int((await client.info("memory"))["used_memory"])) // 20_000 != last // 20_000:
        last = used
        await asyncio.sleep(0.5)  # noqa: TID251 -- nothing tells that the store has tidied up
    return used


async def each(items: Iterable[object], do: Callable[[object], Awaitable[None]]) -> None:
    waiting = iter(items)

    async def work() -> None:
        for item in waiting:
            await do(item)

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
