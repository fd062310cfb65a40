"""The ledger's own account of calls for an audit: each reminder, and what was told and not yet looked at."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from common.domain.audit_reminders import AuditedReminder, UnreadCall
from common.domain.booking import BookingEvent
from common.domain.delivery import DeliveryStatus
from common.domain.ids import BookingId, reminder_delivery_id
from common.domain.reminders import ReminderRules, reminders_of
from common.domain.series import Booking
from common.ledger import keys
from common.ledger.booking_codec import read_booking, read_reminders
from common.ledger.ledger import Ledger

AT_ONCE = 500


async def reminders(ledger: Ledger, waits: Mapping[str, int], rules: ReminderRules) -> list[AuditedReminder]:
    """Every reminder of this campaign's calls. `waits`: by delivery, the instant at which something happens to it."""
    held = await ledger.read_hash(keys.PAUSES)
    found: list[AuditedReminder] = []
    async for booking, fields in _meetings(ledger):
        if fields.get("campaign") == ledger.campaign and "email" in fields and "uid" in fields:
            found += _of(read_booking(booking, fields), fields, waits, rules, is_held=fields.get("contact") in held)
    return await _with_claims(ledger, found)


async def unread(ledger: Ledger, arranged: Collection[str], *, now_ms: int) -> list[UnreadCall]:
    """Bookings that should have been looked at. `arranged`: those for which a job waits, or is in hand."""
    overdue: Any = await ledger.client.zrangebyscore(keys.BOOKINGS, "-inf", now_ms, withscores=True)
    found = []
    for member, told_ms in overdue:
        booking = BookingId(member.decode())
        events = map(BookingEvent.from_json, (await ledger.read_hash(keys.booking(booking))).values())
        email = next((event.email for event in events if event.email), "")
        found.append(UnreadCall(email, int(told_ms), booking in arranged))
    return found


async def _with_claims(ledger: Ledger, found: list[AuditedReminder]) -> list[AuditedReminder]:
    """A delivery that is open and has no fate was claimed at least once: what the provider has of it is no surprise."""
    open_ones = [one for one in found if one.record is not None and one.record.fate is DeliveryStatus.PLANNED]
    pipe = ledger.client.pipeline(transaction=False)
    for one in open_ones:
        pipe.exists(keys.delivery(reminder_delivery_id(one.booking.id, start_ms=one.start_ms, name=one.name)))
    answers: list[int] = await pipe.execute() if open_ones else []
    claimed = {id(one) for one, is_there in zip(open_ones, answers, strict=True) if is_there}
    return [replace(one, is_under_way=id(one) in claimed) for one in found]


async def _meetings(ledger: Ledger) -> AsyncIterator[tuple[BookingId, dict[str, str]]]:
    """There is no list of all calls, and an audit may take its time: the keys are looked through, a page at a time."""
    page: list[str] = []
    async for key in ledger.client.scan_iter(match=keys.meeting("*"), count=1_000):
        page.append(key.decode())
        if len(page) == AT_ONCE:
            for found in await _read(ledger, page):
                yield found
            page = []
    for found in await _read(ledger, page):
        yield found


async def _read(ledger: Ledger, page: Sequence[str]) -> list[tuple[BookingId, dict[str, str]]]:
    pipe = ledger.client.pipeline(transaction=False)
    for key in page:
        pipe.hgetall(key)
    answers: list[dict[bytes, bytes]] = await pipe.execute() if page else []
    prefix = len(keys.meeting(""))
    return [
        (BookingId(key[prefix:]), {name.decode(): text.decode() for name, text in raw.items()})
        for key, raw in zip(page, answers, strict=True)
    ]


def _of(
    booking: Booking, fields: Mapping[str, str], waits: Mapping[str, int], rules: ReminderRules, *, is_held: bool
) -> list[AuditedReminder]:
    """What the ledger has a word of, and what it should have one of."""
    records = read_reminders(fields)
    before_ms = dict(rules.before_ms)
    expected = [f"{one.start_ms}/{one.name}" for one in reminders_of(booking, rules) if one.because is None]
    found = []
    for name in dict.fromkeys([*records, *expected]):
        start, _, called = name.partition("/")
        record = records.get(name)
        is_planned = record is not None and record.fate is DeliveryStatus.PLANNED
        found.append(
            AuditedReminder(
                booking=booking,
                start_ms=int(start),
                name=called,
                due_ms=record.at_ms if record and is_planned else int(start) - before_ms.get(called, 0),
                record=record,
                waits_ms=waits.get(f"{booking.id}/{name}"),
                is_held=is_held,
            )
        )
    return found
