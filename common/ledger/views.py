"""Reads only: what status, contact, dead letters and the console show of the ledger."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from common.domain.delivery import Record
from common.domain.ids import DeliveryId, EnrollmentId, is_reminder, split_delivery_id, step_number
from common.ledger import booking_views, feedback, keys
from common.ledger.answers import DeadLetter
from common.ledger.ledger import Ledger

SILENT_MS = 4_000
"""A worker that was silent for longer has died or stands still (`lib.lua`)."""
QUEUES = ("classify", "send", "bookings", "notion_sync", "announce", "reconcile_bookings", "replay")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a timeline: `what` happened at `at_ms`."""

    at_ms: int
    what: str
    detail: str


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
