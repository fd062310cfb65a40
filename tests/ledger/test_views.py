"""What status, console and audit read of the ledger, to the letter."""

from __future__ import annotations

import pytest

from common.clock import VirtualClock
from common.domain.contact import Assessment
from common.domain.ids import enrollment_id
from common.domain.reminders import ReminderRules
from common.ledger import keys
from common.ledger.ledger import Ledger
from common.ledger.reads.audit_snapshot import read_audit_snapshot
from common.ledger.reads.store_stats import read_store_stats
from tests.ledger.test_transitions import ADA, HOUR_MS, enrolled, go, send

RULES = ReminderRules(before_ms=(("2h", 2 * HOUR_MS),), minimum_notice_ms=2 * HOUR_MS)


async def test_what_is_due_is_counted_by_hour_and_day_and_what_is_late_apart(ledger: Ledger, clock: VirtualClock):
    now = clock.now_ms()
    due = (-1, 0, HOUR_MS, HOUR_MS + 1, 24 * HOUR_MS, 24 * HOUR_MS + 1)
    await ledger.client.zadd(keys.delayed("send"), {f"enr_{n}/step-1": now + after for n, after in enumerate(due)})

    seen = await read_store_stats(ledger, now_ms=now)

    assert (seen.overdue, seen.due_next_hour, seen.due_next_day) == (1, 2, 4)


async def test_the_mirror_is_as_late_as_the_oldest_change(ledger: Ledger, clock: VirtualClock):
    now = clock.now_ms()
    assert (await read_store_stats(ledger, now_ms=now)).mirror_lag_ms == 0
    await ledger.client.zadd(keys.CHANGED, {"a": now - 5_000, "b": now - 9_000, "c": now})

    seen = await read_store_stats(ledger, now_ms=now)

    assert (seen.changed, seen.mirror_lag_ms) == (3, 9_000)


async def test_a_worker_lives_while_it_was_heard_of_within_four_seconds(ledger: Ledger, clock: VirtualClock):
    now = clock.now_ms()
    await ledger.client.delete(keys.HEARTBEATS)
    await ledger.client.zadd(keys.HEARTBEATS, {"now": now, "just": now - 4_000, "silent": now - 4_001})

    assert (await read_store_stats(ledger, now_ms=now)).workers == 2


@pytest.mark.parametrize("provider", ["resend", "notion", "calcom"])
async def test_each_provider_in_trouble_is_named(ledger: Ledger, clock: VirtualClock, provider: str):
    now = clock.now_ms()
    await ledger.circuits.report_failure(provider, id="a", reason="503", provider_wide=True, now_ms=now)

    assert list((await read_store_stats(ledger, now_ms=now)).circuits) == [provider]


async def test_an_account_tells_of_each_person_what_waits_and_what_is_under_way(
    ledger: Ledger, ada: Assessment, clock: VirtualClock
):
    now = clock.now_ms()
    await enrolled(ledger, ada, now)
    await send(ledger, 1, now)
    later = now + 24 * HOUR_MS
    await go(ledger, 2, later)

    (person,) = (await read_audit_snapshot(ledger, RULES, now_ms=later)).people

    assert person.enrollment == await ledger.enrollments.get(ADA)
    assert person.under_way == {2}
    assert person.waits[3] == now + 72 * HOUR_MS
    assert not person.is_held


@pytest.mark.parametrize("how", ["held", "paused"])
async def test_an_account_tells_who_is_held(ledger: Ledger, ada: Assessment, clock: VirtualClock, how: str):
    now = clock.now_ms()
    await enrolled(ledger, ada, now)
    if how == "held":
        await ledger.enrollments.hold(ADA, "booked", now_ms=now)
    else:
        await ledger.client.hset(keys.PAUSES, ADA, "{}")

    (person,) = (await read_audit_snapshot(ledger, RULES, now_ms=now)).people

    assert person.is_held is True


async def test_an_account_is_of_everybody_or_of_those_who_are_asked_for(
    ledger: Ledger, ada: Assessment, clock: VirtualClock
):
    now = clock.now_ms()
    await enrolled(ledger, ada, now)
    nobody = enrollment_id("christmas_2025", "nobody@example.org")
    numbers = [
        len((await read_audit_snapshot(ledger, RULES, now_ms=now, only=only)).people)
        for only in (None, [ADA], [nobody], [])
    ]

    assert numbers == [1, 1, 0, 0]


@pytest.mark.parametrize("why", ["everybody is paused", "the queue is paused", "the provider is in trouble"])
async def test_an_account_tells_that_everybody_waits(ledger: Ledger, clock: VirtualClock, why: str):
    now = clock.now_ms()
    assert not (await read_audit_snapshot(ledger, RULES, now_ms=now)).is_waiting
    if why == "everybody is paused":
        await ledger.client.hset(keys.PAUSES, "*", "{}")
    elif why == "the queue is paused":
        await ledger.client.sadd(keys.PAUSED_QUEUES, "send")
    else:
        await ledger.circuits.report_failure("resend", id="a", reason="503", provider_wide=True, now_ms=now)

    assert (await read_audit_snapshot(ledger, RULES, now_ms=now)).is_waiting
