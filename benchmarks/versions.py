"""Measures `advent campaign plan` and `apply` with many people under way: they read, compare and change schedules."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Awaitable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import redis.asyncio

from benchmarks.cast import person
from benchmarks.figures import Figure, Goal
from common.campaigns.campaign import Campaign, campaign_of
from common.campaigns.campaigns import Campaigns
from common.campaigns.compiled import Span, Step
from common.campaigns.loader import load_campaign
from common.clock import SystemClock
from common.domain.ids import enrollment_id
from common.ledger import codec, keys
from common.ledger.ledger import Ledger
from common.ledger.versions import LogEntry
from common.settings.settings import Settings
from common.store.clients import connect_async
from common.store.embedded import EmbeddedStore
from common.versions.people import people_of
from common.versions.plan import Comparison
from common.versions.replan import update_schedules

SETTINGS = Settings(secret_key="of a benchmark that nobody keeps", sandboxed=frozenset({"resend", "notion"}))
HOUR_MS = 3_600_000
BATCH = 1_000

Result = TypeVar("Result")


def measure(*, people: int) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="advent-") as directory:
        store = EmbeddedStore(Path(directory))
        store.start()
        try:
            plan_s, apply_s = asyncio.run(_measure(store.url, people))
        finally:
            store.stop()
    return [
        Figure(f"a plan with {people:,} people under way", round(plan_s, 1), "s", Goal(10)),
        Figure("schedules of the same people changed by an apply", round(apply_s, 1), "s", Goal(20)),
    ]


async def _measure(url: str, people: int) -> tuple[float, float]:
    client, campaign = connect_async(url), load_campaign("christmas_2025")
    ledger = Ledger.of(client, Campaigns(campaign).terms(SETTINGS.pace), secret_key="s" * 32)
    now_ms = SystemClock().now_ms()
    await _fill(client, campaign, people, now_ms)
    first = LogEntry(version=campaign.version, source=None, action="first start", by="bench", at_ms=now_ms)
    await ledger.versions.apply(campaign.key, first, compiled=campaign.compiled.to_json(), replans=False)
    target = campaign_of(replace(campaign.compiled, steps=tuple(map(_an_hour_later, campaign.steps))))
    plan_s, planned = await _timed(_plan(ledger, campaign, target, now_ms))
    apply_s, changed = await _timed(_apply(ledger, campaign, target, now_ms))
    assert planned == changed == people, (planned, changed)
    await client.aclose()
    return plan_s, apply_s


def _an_hour_later(step: Step) -> Step:
    after = step.after
    return replace(step, after=Span(after.production_ms + HOUR_MS, after.testing_ms))


async def _timed(work: Awaitable[Result]) -> tuple[float, Result]:
    started_s = time.perf_counter()
    result = await work
    return time.perf_counter() - started_s, result


async def _plan(ledger: Ledger, source: Campaign, target: Campaign, now_ms: int) -> int:
    comparison = Comparison(source, target, SETTINGS.pace, now_ms=now_ms)
    async for one in people_of(ledger, source.key):
        comparison.add(one)
    return comparison.plan(reminded={}).people


async def _apply(ledger: Ledger, source: Campaign, target: Campaign, now_ms: int) -> int:
    entry = LogEntry(version=target.version, source=source.version, action="apply", by="bench", at_ms=now_ms)
    await ledger.versions.apply(source.key, entry, compiled=target.compiled.to_json())
    replanning = (await ledger.versions.in_force())[source.key].replanning
    assert replanning is not None
    ledger.replace(target.terms(SETTINGS.pace))
    changed = await update_schedules(ledger, target, replanning, SystemClock())
    assert changed is not None
    return changed


async def _fill(client: redis.asyncio.Redis, campaign: Campaign, people: int, now_ms: int) -> None:
    """Write people who have received the first step and wait for the second."""
    for first in range(0, people, BATCH):
        pipe = client.pipeline(transaction=False)
        for number in range(first, min(first + BATCH, people)):
            assessment = person(number)
            owner = enrollment_id(campaign.key, assessment.email)
            fields = codec.assessment_fields(assessment) | {
                "campaign": campaign.key,
                "status": "active",
                "segment": campaign.segment_of(assessment),
                "anchor_ms": str(now_ms - HOUR_MS),
                "next": "step-2",
                "/step-1": f"accepted {now_ms - HOUR_MS} 1 +0 id",
                "/step-2": f"planned {now_ms + 23 * HOUR_MS}",
            }
            pipe.hset(keys.enrollment(owner), mapping=fields)
            pipe.zadd(keys.UNDER_WAY, {owner: now_ms})
        await pipe.execute()
