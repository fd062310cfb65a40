"""The running counts of `advent status` equal a count of all contacts and deliveries."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from common.domain.enrollment import ExitReason
from common.domain.feedback import Feedback, FeedbackKind
from common.domain.ids import booking_id, enrollment_id, reminder_delivery_id, step_delivery_id
from common.ledger import keys
from common.ledger.ledger import Ledger
from tests.ledger_reads import record_of

HOUR_MS = 3_600_000
NAMES = ("ada", "boris", "chen", "dunya", "emeka", "fatou")


def person(name: str):
    return enrollment_id("christmas_2025", f"{name}@example.org")


async def signs_up(ledger: Ledger, ada, name: str, now_ms: int, *, enrolled: bool = True) -> None:
    who = replace(ada, email=f"{name}@example.org")
    await ledger.signups.accept(who, webhook_id=f"signup:{name}", received_ms=now_ms)
    if enrolled:
        await ledger.signups.enroll(await ledger.enrollments.get(person(name)), now_ms=now_ms, announce=False)


async def ends(ledger: Ledger, delivery, outcome: str, now_ms: int) -> None:
    claim = await ledger.deliveries.claim(delivery, worker="w1", now_ms=now_ms)
    await ledger.deliveries.freeze(claim, "mail", now_ms=now_ms)
    assert await ledger.deliveries.settle(claim, outcome, f"{outcome}-1", now_ms=now_ms)


async def counted(ledger: Ledger) -> dict[str, int]:
    """Return the scripts' counts, without those that are 0."""
    counts = await ledger.store.read_hash(keys.COUNTS)
    return {name: int(text) for name, text in counts.items() if int(text)}


async def reported_of(ledger: Ledger, kind: FeedbackKind, delivery, contact, now_ms: int) -> None:
    feedback = Feedback(
        kind=kind,
        delivery_id=delivery,
        contact_id=contact,
        event_ms=now_ms,
        mailed_ms=now_ms,
        received_ms=now_ms,
        provider_id="re_1",
        address="",
    )
    await ledger.feedback.record(feedback, webhook_id=f"resend:{delivery}:{kind}")


async def test_each_contact_is_counted_under_their_current_status(ledger, ada, clock, cadence):
    now_ms = clock.now_ms()
    await signs_up(ledger, ada, "ada", now_ms, enrolled=False)
    for name in ("boris", "chen", "dunya", "emeka"):
        await signs_up(ledger, ada, name, now_ms)
    await signs_up(ledger, ada, "fatou", now_ms, enrolled=False)
    for number, offset_ms in enumerate(cadence.offsets_ms, 1):
        await ends(ledger, step_delivery_id(person("chen"), number), "skipped", now_ms + offset_ms)
    await ledger.enrollments.exit(person("dunya"), ExitReason.UNSUBSCRIBED, address_hash="", now_ms=now_ms)
    await ledger.enrollments.exit(person("chen"), ExitReason.UNSUBSCRIBED, address_hash="", now_ms=now_ms)
    await ledger.enrollments.exit(person("fatou"), ExitReason.UNSUBSCRIBED, address_hash="", now_ms=now_ms)
    statuses = [(await ledger.enrollments.get(person(name))).status.value for name in NAMES]

    assert await counted(ledger) == {**Counter(statuses), "delivery:skipped": 7}
    assert Counter(statuses) == {"accepted": 1, "active": 2, "completed": 1, "exited": 2}


async def test_completed_contact_who_exits_twice_has_exited_once(ledger, ada, clock, cadence):
    now_ms = clock.now_ms()
    await signs_up(ledger, ada, "chen", now_ms)
    for number, offset_ms in enumerate(cadence.offsets_ms, 1):
        await ends(ledger, step_delivery_id(person("chen"), number), "skipped", now_ms + offset_ms)
    before = await ledger.client.llen(keys.timeline(person("chen")))

    for reason in (ExitReason.UNSUBSCRIBED, ExitReason.SUPPRESSED):
        await ledger.enrollments.exit(person("chen"), reason, address_hash="", now_ms=now_ms)

    assert await ledger.client.llen(keys.timeline(person("chen"))) == before + 1
    assert (await ledger.enrollments.get(person("chen"))).exit_reason is ExitReason.UNSUBSCRIBED


async def test_each_delivery_is_counted_only_under_its_latest_status(ledger, ada, clock):
    now_ms = clock.now_ms()
    for name, outcome in (("ada", "accepted"), ("boris", "accepted"), ("chen", "dead"), ("dunya", "dead")):
        await signs_up(ledger, ada, name, now_ms)
        await ends(ledger, step_delivery_id(person(name), 1), outcome, now_ms)
    assert await counted(ledger) == {"active": 4, "delivery:accepted": 2, "delivery:dead": 2}

    await reported_of(ledger, FeedbackKind.DELIVERED, step_delivery_id(person("boris"), 1), person("boris"), now_ms)
    await ledger.dead_letters.replay(step_delivery_id(person("chen"), 1), now_ms=now_ms, way="fresh")
    await ledger.dead_letters.accept(
        step_delivery_id(person("dunya"), 1), "re_1", sent_ms=now_ms, dead_since_ms=now_ms, now_ms=now_ms
    )

    assert await counted(ledger) == {"active": 4, "delivery:accepted": 2, "delivery:delivered": 1}


@pytest.mark.parametrize("outcome", ["accepted", "skipped", "dead"])
async def test_reminder_is_counted_once_it_has_a_final_status(ledger, clock, outcome):
    now_ms, start_ms = clock.now_ms(), clock.now_ms() + 24 * HOUR_MS
    meeting = {"campaign": "christmas_2025", "contact": person("boris"), "uid": "A", "state": "booked"}
    place = {"received_ms": now_ms, "email": "boris@example.org", "start_ms": start_ms, "end_ms": start_ms + HOUR_MS}
    final_status = {f"/{start_ms}/24h": f"planned {now_ms}"}
    await ledger.client.hset(keys.guest(booking_id("A")), mapping={**meeting, **place, **final_status})
    reminder = reminder_delivery_id(booking_id("A"), start_ms=start_ms, name="24h")
    assert await counted(ledger) == {}

    await ends(ledger, reminder, outcome, now_ms)
    assert await counted(ledger) == {f"delivery:{outcome}": 1}

    if outcome == "dead":
        await ledger.dead_letters.replay(reminder, now_ms=now_ms, way="fresh")
        assert await counted(ledger) == {}
        await ends(ledger, reminder, "accepted", now_ms)
    await reported_of(ledger, FeedbackKind.DELIVERED, reminder, person("boris"), now_ms)
    assert await counted(ledger) == {"delivery:delivered": 1}
    assert (await record_of(ledger, reminder)).status == "delivered"
