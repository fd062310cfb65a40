"""The right to be forgotten: everything that the store holds of one person goes, but for the mark of their address."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from common.domain.booking import BookingEvent
from common.domain.delivery import DeliveryStatus
from common.domain.ids import BookingId, EnrollmentId, enrollment_id, normal_address
from common.ledger import codec, keys
from common.ledger.booking_codec import read_reminders
from common.ledger.ledger import Ledger
from common.ledger.views import QUEUES

AT_ONCE = 500


@dataclass(slots=True)
class Traces:
    """
    What is known of an address, in every campaign of the store.

    `owners`: ids under which they are kept, `enrolled` of which are enrollments. `bookings`: their calls. `events`: of
    calls that are somebody else's by now, what named them. `waiting`: mails planned or under way, and dead letters.
    `pages`: ids of their pages in Notion.
    """

    address: str
    owners: list[EnrollmentId]
    enrolled: int = 0
    bookings: list[BookingId] = field(default_factory=list)
    events: list[tuple[BookingId, str]] = field(default_factory=list)
    waiting: int = 0
    pages: list[str] = field(default_factory=list)


async def traces_of(ledger: Ledger, address: str) -> Traces:
    """Looks through the whole store, since an address leads only to what belongs to this campaign. Changes nothing."""
    found = Traces(address, [enrollment_id(ledger.campaign, address)])
    async for key, fields in _hashes(ledger, keys.enrollment("")):
        if fields.get(codec.EMAIL) == address:
            _note_owner(found, EnrollmentId(key))
            found.enrolled += 1
            found.pages += _pages(fields)
    async for key, fields in _hashes(ledger, keys.contact("")):
        if fields.get("email") == address:
            _note_owner(found, EnrollmentId(key))
            found.pages += _pages(fields)
    async for key, fields in _hashes(ledger, keys.booking("")):
        await _note_booking(ledger, found, BookingId(key), fields)
    found.pages = list(dict.fromkeys(found.pages))
    for owner in found.owners:
        for step in range(1, ledger.cadence.length + 1):
            found.waiting += await ledger.client.exists(keys.delivery(f"{owner}/step-{step}"))
        found.waiting += await ledger.client.hexists(keys.enrollment(owner), codec.NEXT)
    return found


async def forget(ledger: Ledger, traces: Traces, *, now_ms: int) -> None:
    """All of it or nothing, and the address is never written to again; see `forget.lua`. Raises as the ledger does."""
    given = {
        "owners": traces.owners,
        "bookings": traces.bookings,
        "events": traces.events,
        "queues": QUEUES,
    }
    await ledger.run_script(
        "forget", [keys.SUPPRESSED, keys.FORGOTTEN], [ledger.mark(traces.address), now_ms, json.dumps(given)]
    )


def _note_owner(found: Traces, owner: EnrollmentId) -> None:
    if owner not in found.owners:
        found.owners.append(owner)


async def _note_booking(ledger: Ledger, found: Traces, booking: BookingId, told: dict[str, str]) -> None:
    """A call is theirs unless it is known to be somebody else's; then only the events that named them are."""
    named = [digest for digest, text in told.items() if _names(BookingEvent.from_json(text), found.address)]
    meeting = await ledger.read_hash(keys.meeting(booking))
    owner = meeting.get("contact")
    if owner in found.owners or (named and owner is None):
        found.bookings.append(booking)
        found.waiting += sum(record.fate is DeliveryStatus.PLANNED for record in read_reminders(meeting).values())
    else:
        found.events += [(booking, digest) for digest in named]


def _names(event: BookingEvent, address: str) -> bool:
    named = [event.email or "", *(guest for guest, _ in event.no_shows)]
    return address in map(normal_address, named)


def _pages(fields: dict[str, str]) -> list[str]:
    return [text for name, text in codec.read_pages(fields).items() if name in codec.PAGES]


async def _hashes(ledger: Ledger, prefix: str) -> AsyncIterator[tuple[str, dict[str, str]]]:
    """Every HASH whose key begins so: (the rest of its key, its fields)."""
    page: list[str] = []
    async for key in ledger.client.scan_iter(match=prefix + "*", count=1_000):
        page.append(key.decode())
        if len(page) == AT_ONCE:
            for one in await _read(ledger, prefix, page):
                yield one
            page = []
    for one in await _read(ledger, prefix, page):
        yield one


async def _read(ledger: Ledger, prefix: str, page: Sequence[str]) -> list[tuple[str, dict[str, str]]]:
    pipe = ledger.client.pipeline(transaction=False)
    for key in page:
        pipe.hgetall(key)
    answers: list[Any] = await pipe.execute() if page else []
    return [
        (key[len(prefix) :], {name.decode(): text.decode() for name, text in raw.items()})
        for key, raw in zip(page, answers, strict=True)
    ]
