"""Reads of the ledger for tests: one delivery, one contact, all dead letters, the whole store."""

from __future__ import annotations

from typing import Any

from common.domain.delivery import Record, delivery_of
from common.domain.ids import DeliveryId, EnrollmentId
from common.ledger import keys
from common.ledger.codec import read_records
from common.ledger.dead_letters import DeadLetter
from common.ledger.ledger import Ledger
from common.ledger.reads.contact_timeline import Entry, read_happened


async def record_of(ledger: Ledger, delivery_id: str) -> Record | None:
    """Return the record of a step or a reminder, also of a planned one, or None when there is none."""
    delivery = delivery_of(DeliveryId(delivery_id))
    return read_records(await ledger.store.read_hash(keys.owner(delivery.owner))).get(delivery.name)


async def timeline_of(ledger: Ledger, contact: str) -> list[Entry]:
    """Return what happened to one contact, enrolled or not, oldest first."""
    calls = [call async for call in ledger.bookings.calls(EnrollmentId(contact))]
    enrollment = await ledger.enrollments.get(contact)
    return await read_happened(ledger, EnrollmentId(contact), enrollment, calls)


async def is_ended(ledger: Ledger, number: str) -> bool:
    """Return whether this number is suppressed: it gets no SMS any more."""
    return bool(await ledger.client.hexists(keys.SUPPRESSED, ledger.store.number_hash(number)))


async def dead_letters_of(ledger: Ledger) -> list[DeadLetter]:
    """Return all dead letters, oldest first."""
    return [letter async for letter in ledger.dead_letters.all()]


async def sweep(ledger: Ledger, now_ms: int) -> list[str]:
    """Run one complete sweep. Return the jobs that it scheduled again."""
    page, found = await ledger.schedule.sweep("0", now_ms=now_ms)
    while page != "0":
        page, more = await ledger.schedule.sweep(page, now_ms=now_ms)
        found += more
    return found


async def content(store) -> dict[str, Any]:
    """Return the whole store: key → content."""
    readers = {
        b"string": store.get,
        b"hash": store.hgetall,
        b"set": store.smembers,
        b"list": lambda key: store.lrange(key, 0, -1),
        b"zset": lambda key: store.zrange(key, 0, -1, withscores=True),
    }
    return {key.decode(): await readers[await store.type(key)](key) for key in await store.keys("*")}
