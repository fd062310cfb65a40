"""
Measures what upkeep costs the store at 1,000, 20,000 and 200,000 people. It must not grow with them.

Half of the people wait for step 2, the others have completed. The measure is the store's own time, from its statistics
of commands.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median

import redis.asyncio

from benchmarks.cast import person
from benchmarks.figures import Figure, Goal
from common.clock import SystemClock
from common.domain.cadence import Cadence
from common.domain.contact import Assessment
from common.domain.ids import EnrollmentId, enrollment_id
from common.ledger import codec, keys
from common.ledger.ledger import Ledger
from common.ledger.reads.store_stats import read_store_stats
from common.store.clients import connect_async
from common.store.embedded import EmbeddedStore

SIZES = (1_000, 20_000, 200_000)
RATIO_GOAL = Goal(5)
"""The allowed ratio of 200,000 people to 1,000. It exceeds 1: lists are deeper, and times below a millisecond vary."""

CAMPAIGN = "christmas_2025"
DAY_MS = 86_400_000
BATCH = 1_000
ROUNDS = 5

Act = Callable[[Ledger], Awaitable[object]]


def measure(sizes: Sequence[int] = SIZES) -> list[Figure]:
    costs = {size: _measure_size(size) for size in sizes}
    first, last = costs[sizes[0]], costs[sizes[-1]]
    return [
        Figure(
            f"{name}: the store's time at {sizes[-1]:,} people, to {sizes[0]:,}",
            round(last[name] / first[name], 2),
            "times",
            RATIO_GOAL,
            ", ".join(f"{cost[name]:.2f} ms at {size:,}" for size, cost in costs.items()),
        )
        for name in first
    ]


def _measure_size(people: int) -> dict[str, float]:
    """Return the store's time in ms, by operation."""
    with tempfile.TemporaryDirectory(prefix="advent-") as directory:
        store = EmbeddedStore(Path(directory))
        store.start()
        try:
            return asyncio.run(_costs(store.url, people))
        finally:
            store.stop()


async def _costs(url: str, people: int) -> dict[str, float]:
    async with _ledger(url) as ledger:
        now_ms = SystemClock().now_ms()
        await _fill(ledger.client, people, now_ms)
        ended_ms = now_ms - 400 * DAY_MS
        acts: dict[str, Act] = {
            "a sweep": lambda ledger: _sweep(ledger, now_ms),
            "forget, one person": lambda ledger: _forget(ledger, now_ms),
            "status and metrics": lambda ledger: read_store_stats(ledger, now_ms=now_ms),
            "retention": lambda ledger: ledger.contacts.erase_ended(before_ms=ended_ms),
        }
        return {name: await _cost(ledger, act) for name, act in acts.items()}


@asynccontextmanager
async def _ledger(url: str) -> AsyncIterator[Ledger]:
    client = connect_async(url)
    yield Ledger(client, campaign=CAMPAIGN, cadence=Cadence((0, DAY_MS), 0), secret_key="s" * 32)
    await client.aclose()


async def _cost(ledger: Ledger, act: Act) -> float:
    """Return the median of some rounds, after one that loads the scripts."""
    await act(ledger)
    return median([await _once(ledger, act) for _ in range(ROUNDS)])


async def _once(ledger: Ledger, act: Act) -> float:
    await ledger.client.config_resetstat()
    await act(ledger)
    stats = await ledger.client.info("commandstats")
    # The store counts a command of a script twice: as part of the script, and on its own.
    outer = [stats[name]["usec"] for name in ("cmdstat_evalsha", "cmdstat_eval") if name in stats]
    inner = [one["usec"] for name, one in stats.items() if name.startswith("cmdstat_") and "eval" not in name]
    return float(max(sum(outer), sum(inner))) / 1000


async def _sweep(ledger: Ledger, now_ms: int) -> None:
    page = "0"
    while True:
        page, _ = await ledger.schedule.sweep(page, now_ms=now_ms)
        if page == "0":
            return


async def _forget(ledger: Ledger, now_ms: int) -> None:
    """Forget a person who has just signed up."""
    newcomer = person(10**6)
    ledger_hash = ledger.store.address_hash(newcomer.email)
    await ledger.client.hdel(keys.SUPPRESSED, ledger_hash)
    await ledger.signups.accept(newcomer, webhook_id="signup:bench", received_ms=now_ms)
    await ledger.contacts.forget(await ledger.contacts.find_traces(newcomer.email), now_ms=now_ms)
    await ledger.client.delete(keys.webhook("signup:bench"))


async def _fill(client: redis.asyncio.Redis, people: int, now_ms: int) -> None:
    """Write people as the scripts leave them. Through the scripts, 200,000 people would take minutes."""
    for first in range(0, people, BATCH):
        pipe = client.pipeline(transaction=False)
        for number in range(first, min(first + BATCH, people)):
            _write(pipe, person(number), number, now_ms)
        await pipe.execute()
    await client.hset(keys.COUNTS, mapping={"active": people // 2, "completed": people // 2})


def _write(pipe: redis.asyncio.client.Pipeline, who: Assessment, number: int, now_ms: int) -> None:
    one = enrollment_id(CAMPAIGN, who.email)
    fields = codec.assessment_fields(who) | {"campaign": CAMPAIGN, "segment": "URGENT"}
    fields |= {"revision": "2", "mirrored": "2"}
    if number % 2:
        _write_ended(pipe, one, fields, now_ms - number % 300 * DAY_MS)
    else:
        _write_waiting(pipe, one, fields, now_ms + 3_600_000 + number * 1_000)


def _write_ended(pipe: redis.asyncio.client.Pipeline, one: EnrollmentId, fields: dict[str, str], end_ms: int) -> None:
    times = {"anchor_ms": str(end_ms - DAY_MS), "ended_ms": str(end_ms)}
    pipe.hset(keys.enrollment(one), mapping=fields | times | {"status": "completed"})
    pipe.zadd(keys.ENDED, {one: end_ms})


def _write_waiting(pipe: redis.asyncio.client.Pipeline, one: EnrollmentId, fields: dict[str, str], due_ms: int) -> None:
    waiting = {"status": "active", "anchor_ms": str(due_ms - DAY_MS), "next": "step-2", "/step-2": f"planned {due_ms}"}
    pipe.hset(keys.enrollment(one), mapping=fields | waiting)
    pipe.zadd(keys.UNDER_WAY, {one: due_ms})
    pipe.zadd(keys.delayed("send"), {f"{one}/step-2": due_ms})
