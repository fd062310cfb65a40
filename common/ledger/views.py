"""Reads only: what status, contact, dead letters and the console show of the ledger."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import redis.asyncio

from common.domain.delivery import Record
from common.domain.ids import DeliveryId, EnrollmentId, is_reminder, split_delivery_id, step_number
from common.ledger import booking_views, feedback, keys
from common.ledger.answers import Counts, DeadLetter
from common.ledger.ledger import Ledger
from common.ledger.pauses import EVERYBODY
from common.queue.lua_broker import HEARTBEAT_TIMEOUT_MS

HOUR_MS = 3_600_000
QUEUES = ("classify", "send", "bookings", "notion_sync", "announce", "reconcile_bookings", "replay")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a timeline: `what` happened at `at_ms`."""

    at_ms: int
    what: str
    detail: str


async def counts(ledger: Ledger, *, now_ms: int) -> Counts:
    """The whole in numbers, in one round trip."""
    client: redis.asyncio.Redis = ledger.client
    pipe = client.pipeline(transaction=False)
    pipe.hgetall(keys.COUNTS)
    schedule = keys.delayed("send")
    for low, high in ((now_ms, now_ms + HOUR_MS), (now_ms, now_ms + 24 * HOUR_MS), (0, f"({now_ms}")):
        pipe.zcount(schedule, low, high)
    pipe.zcard(keys.DEAD)
    pipe.hlen(keys.SUPPRESSED)
    pipe.zcard(keys.CHANGED)
    pipe.zrange(keys.CHANGED, 0, 0, withscores=True)
    pipe.zcount(keys.HEARTBEATS, now_ms - HEARTBEAT_TIMEOUT_MS, "+inf")
    for provider in ("resend", "notion", "calcom"):
        pipe.hgetall(keys.circuit(provider))
    pipe.hget(keys.PAUSES, EVERYBODY)
    pipe.hlen(keys.PAUSES)
    for queue in QUEUES:
        pipe.zcard(keys.delayed(queue))
        pipe.hlen(keys.ready(queue) + ".msgs")
        pipe.zcard(keys.ready(queue) + ".XQ")
    (
        tally,
        hour,
        day,
        overdue,
        dead,
        suppressed,
        changed,
        oldest,
        workers,
        resend,
        notion,
        calcom,
        pause,
        pauses,
        *queues,
    ) = await pipe.execute()
    numbers = {name.decode(): int(number) for name, number in tally.items()}
    return Counts(
        people={status: numbers.get(status, 0) for status in ("accepted", "active", "completed", "exited")},
        deliveries={
            name.removeprefix("fate:"): number
            for name, number in sorted(numbers.items())
            if name.startswith("fate:") and number
        },
        due_next_hour=hour,
        due_next_day=day,
        overdue=overdue,
        dead=dead,
        suppressed=suppressed,
        changed=changed,
        mirror_lag_ms=max(0, now_ms - int(oldest[0][1])) if oldest else 0,
        queues={
            name: {"delayed": queues[i * 3], "ready": queues[i * 3 + 1], "failed": queues[i * 3 + 2]}
            for i, name in enumerate(QUEUES)
        },
        workers=workers,
        circuits={
            name: {key.decode(): text.decode() for key, text in circuit.items()}
            for name, circuit in (("resend", resend), ("notion", notion), ("calcom", calcom))
            if b"until" in circuit
        },
        pause=json.loads(pause) if pause else None,
        paused_people=pauses - (pause is not None),
    )


async def timeline(ledger: Ledger, enrollment_id: EnrollmentId) -> list[Entry]:
    """Everything that happened to one person, enrolled or not, oldest first, without what is still planned."""
    enrollment = await ledger.enrollment(enrollment_id)
    entries = [Entry(*line) for line in await booking_views.happened(ledger, enrollment_id)]
    if enrollment is not None:
        entries.append(Entry(enrollment.anchor_ms, "signed up", enrollment.segment))
    for step, record in sorted(enrollment.records.items()) if enrollment else ():
        if not record.fate.is_told:
            entries.append(Entry(record.at_ms, f"step {step} {record.fate}", record.detail))
        if record.sent_ms and (record.fate.is_told or record.sent_ms != record.at_ms):
            entries.append(Entry(record.sent_ms, f"step {step} accepted", record.detail))
    steps = {f"step-{step}": record for step, record in enrollment.records.items()} if enrollment else {}
    entries += [Entry(*line) for line in await feedback.happened(ledger, enrollment_id, steps)]
    for line in await ledger.client.lrange(keys.timeline(enrollment_id), 0, -1):
        at_ms, what, detail = json.loads(line)
        entries.append(Entry(int(at_ms), what, detail))
    return sorted(entries, key=lambda entry: entry.at_ms)


async def dead_letters(ledger: Ledger) -> AsyncIterator[DeadLetter]:
    """All dead letters, oldest first."""
    members: Any = await ledger.client.zrange(keys.DEAD, 0, -1, withscores=True)
    for member, buried_ms in members:
        letter = await _dead_letter(ledger, DeliveryId(member.decode()), int(buried_ms))
        if letter is not None:
            yield letter


async def dead_letter(ledger: Ledger, delivery: DeliveryId) -> DeadLetter | None:
    """One dead letter, or None when this delivery is none."""
    buried_ms = await ledger.client.zscore(keys.DEAD, delivery)
    return await _dead_letter(ledger, delivery, int(buried_ms)) if buried_ms is not None else None


async def _dead_letter(ledger: Ledger, delivery: DeliveryId, buried_ms: int) -> DeadLetter | None:
    known = await _fate(ledger, delivery)
    if known is None:
        return None
    address, record = known
    name = split_delivery_id(delivery)[1].rpartition("/")[2]
    fields = ("first", "doubt", "asked", "refused")
    first, doubt, asked, refused = await ledger.client.hmget(keys.delivery(delivery), fields)
    return DeadLetter(
        delivery_id=delivery,
        address=address,
        name=name,
        step=None if is_reminder(delivery) else step_number(name),
        buried_ms=buried_ms,
        reason=record.detail if record else "",
        attempts=record.attempts if record else 0,
        first_ms=int(first) if first else None,
        doubt=doubt == b"1",
        asked_ms=int(asked) if asked else None,
        refused=refused.decode() if isinstance(refused, bytes) else "",
    )


async def _fate(ledger: Ledger, delivery: DeliveryId) -> tuple[str, Record | None] | None:
    """(Address, fate) of any delivery; None when nobody knows whose it is."""
    if is_reminder(delivery):
        return await booking_views.reminder(ledger, delivery)
    owner, name = split_delivery_id(delivery)
    enrollment = await ledger.enrollment(owner)
    if enrollment is None:
        return None
    return enrollment.assessment.email, enrollment.records.get(step_number(name))


async def enrollments(ledger: Ledger) -> AsyncIterator[EnrollmentId]:
    """The ids of all enrollments, in no order."""
    async for member in ledger.client.sscan_iter(keys.ENROLLED, count=1000):
        yield EnrollmentId(member.decode())
