"""The exact content of the audit snapshot of the ledger."""

from __future__ import annotations

import pytest

from common.clock import VirtualClock
from common.domain.contact import Assessment
from common.domain.ids import enrollment_id
from common.domain.reminders import ReminderRules
from common.ledger import keys
from common.ledger.ledger import Ledger
from common.ledger.reads.audit_snapshot import read_audit_snapshot
from tests.ledger.test_transitions import ADA, HOUR_MS, enrolled, go, send

RULES = ReminderRules(before_ms=(("2h", 2 * HOUR_MS),), minimum_notice_ms=2 * HOUR_MS)


async def test_audit_snapshot_has_the_waiting_and_claimed_steps_of_each_contact(
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
async def test_audit_snapshot_shows_a_held_contact(ledger: Ledger, ada: Assessment, clock: VirtualClock, how: str):
    now = clock.now_ms()
    await enrolled(ledger, ada, now)
    if how == "held":
        await ledger.enrollments.hold(ADA, "booked", now_ms=now)
    else:
        await ledger.client.hset(keys.PAUSES, ADA, "{}")

    (person,) = (await read_audit_snapshot(ledger, RULES, now_ms=now)).people

    assert person.is_held is True


async def test_audit_snapshot_covers_all_contacts_or_the_requested_ones(
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
async def test_audit_snapshot_shows_that_all_sending_waits(ledger: Ledger, clock: VirtualClock, why: str):
    now = clock.now_ms()
    assert not (await read_audit_snapshot(ledger, RULES, now_ms=now)).is_waiting
    if why == "everybody is paused":
        await ledger.client.hset(keys.PAUSES, "*", "{}")
    elif why == "the queue is paused":
        await ledger.client.sadd(keys.PAUSED_QUEUES, "send")
    else:
        await ledger.circuits.report_failure("resend", id="a", reason="503", provider_wide=True, now_ms=now)

    assert (await read_audit_snapshot(ledger, RULES, now_ms=now)).is_waiting
