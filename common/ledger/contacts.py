"""The right to be forgotten: everything that the store holds of one contact goes, but for the hash of their address."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from common.domain.booking import BookingEvent
from common.domain.delivery import DeliveryStatus
from common.domain.ids import BookingId, EnrollmentId, GuestId, booking_of, step_name
from common.ledger import codec, keys
from common.ledger.constants import QUEUES
from common.ledger.mailboxes import Mailboxes
from common.ledger.store import Store, texts
from common.ledger.unread_bookings import UnreadBookingEvent, UnreadBookings

AT_ONCE = 500
STEPS_MAX = 100


@dataclass(slots=True)
class Traces:
    """
    What is known of an address, however it is spelled, in every campaign of the store.

    `spellings`: of its mailbox, those that were found. `owners`: ids under which they are kept or that lead to these,
    `enrolled` of which are enrollments. `bookings`: their calls. `seats`: their seats at calls that others attend too.
    `events`: of those, and of calls that are somebody else's by now, what named them, and the same without them, ""
    when nothing is left. `waiting`: mails planned or under way, and dead letters. `pages`: ids of their pages in
    Notion. `unread`: ids of bodies of Cal.com that could not be read and name them, or their phone number (`phones`).
    """

    address: str
    owners: list[EnrollmentId]
    spellings: list[str] = field(default_factory=list)
    enrolled: int = 0
    bookings: list[BookingId] = field(default_factory=list)
    seats: list[GuestId] = field(default_factory=list)
    events: list[tuple[BookingId, str, str]] = field(default_factory=list)
    waiting: int = 0
    pages: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    phones: set[str] = field(default_factory=set)


class Contacts:
    """Everything of one contact, over all campaigns of the store. Raises as `Store.run` does."""

    def __init__(self, store: Store, mailboxes: Mailboxes) -> None:
        self._store, self._mailboxes = store, mailboxes
        self._unread = UnreadBookings(store)

    async def traces(self, address: str) -> Traces:
        """
        Looks through the whole store, since an address leads only to the campaigns that are played. Changes nothing.
        """
        found = Traces(address, self._mailboxes.all_ids(address), [address])
        async for key, fields in self._hashes(keys.enrollment("")):
            if self._is_theirs(found, fields.get("email")):
                _note_owner(found, EnrollmentId(key))
                found.enrolled += 1
                if phone := codec.read_assessment(fields).phone:
                    found.phones.add(phone)
                found.pages += codec.read_page_ids(fields)
                found.waiting += await self._waiting(key, fields)
        async for key, fields in self._hashes(keys.contact("")):
            if self._is_theirs(found, fields.get("email")):
                _note_owner(found, EnrollmentId(key))
                found.pages += codec.read_page_ids(fields)
        async for alias, owner in self._store.client.hscan_iter(keys.ALIASES, count=1_000):
            if owner.decode() in found.owners:
                _note_owner(found, EnrollmentId(alias.decode()))
        async for key, fields in self._hashes(keys.booking("")):
            await self._note_booking(found, BookingId(GuestId(key)), fields)
        found.pages = list(dict.fromkeys(found.pages))
        unread = await self._unread.read_all()
        found.unread = [event.id for event in unread if self._is_named(found, event)]
        return found

    def _is_theirs(self, found: Traces, email: str | None) -> bool:
        """Whether this is an address of their mailbox; its spelling is noted."""
        if email is None or self._store.mailbox(email) != self._store.mailbox(found.address):
            return False
        if email not in found.spellings:
            found.spellings.append(email)
        return True

    def _is_named(self, found: Traces, event: UnreadBookingEvent) -> bool:
        return any(event.mentions(spelling, phones=found.phones) for spelling in found.spellings)

    async def forget(self, traces: Traces, *, now_ms: int) -> None:
        """All of it or nothing, and no further mail goes to the address; see `lua/contacts.lua`."""
        await self._store.run_json(
            "contacts.forget",
            [keys.SUPPRESSED],
            {
                "address_hash": self._store.address_hash(traces.address),
                "now_ms": now_ms,
                "contacts": traces.owners,
                "bookings": traces.bookings,
                "seats": [(booking_of(seat), seat) for seat in traces.seats],
                "events": traces.events,
                "unread": traces.unread,
                "steps": [step_name(number) for number in range(1, STEPS_MAX + 1)],
                "queues": QUEUES,
            },
        )

    async def _waiting(self, owner: str, fields: dict[str, str]) -> int:
        """Deliveries of an enrollment that are planned, under way, or dead letters."""
        pipe = self._store.client.pipeline(transaction=False)
        for name in codec.read_records(fields):
            pipe.exists(keys.delivery(f"{owner}/{name}"))
        found: list[int] = await pipe.execute()
        return sum(found) + ("next" in fields)

    async def _note_booking(self, found: Traces, booking: BookingId, kept: dict[str, str]) -> None:
        """A call is theirs unless it is known to be somebody else's; then only their seat and what named them are."""
        events = {digest: BookingEvent.from_json(text) for digest, text in kept.items()}
        named = {digest: event for digest, event in events.items() if self._names(event, found)}
        guests = await self._guests(booking)
        theirs = {guest: fields for guest, fields in guests.items() if fields["contact"] in found.owners}
        if guests.keys() == theirs.keys() and (guests or named):
            found.bookings.append(booking)
        else:
            found.seats += theirs
            found.events += [(booking, digest, _text(event, found.spellings)) for digest, event in named.items()]
        for fields in theirs.values():
            records = codec.read_records(fields).values()
            found.waiting += sum(record.final_status is DeliveryStatus.PLANNED for record in records)

    def _names(self, event: BookingEvent, found: Traces) -> bool:
        named = [*(attendee.email for attendee in event.attendees), *(guest for guest, _ in event.no_shows)]
        return any([self._is_theirs(found, one) for one in named])

    async def _guests(self, booking: BookingId) -> dict[GuestId, dict[str, str]]:
        """The guests of a booking who are kept, by id."""
        seats = texts(list(await self._store.client.smembers(keys.seats(booking))))
        found: dict[GuestId, dict[str, str]] = {}
        for guest in (booking, *map(GuestId, seats)):
            fields = await self._store.read_hash(keys.guest(guest))
            if "contact" in fields:
                found[guest] = fields
        return found

    async def _hashes(self, prefix: str) -> AsyncIterator[tuple[str, dict[str, str]]]:
        """Every HASH whose key begins so: (the rest of its key, its fields)."""
        page: list[str] = []
        async for key in self._store.client.scan_iter(match=prefix + "*", count=1_000):
            page.append(key.decode())
            if len(page) == AT_ONCE:
                for one in await self._read(prefix, page):
                    yield one
                page = []
        for one in await self._read(prefix, page):
            yield one

    async def _read(self, prefix: str, page: Sequence[str]) -> list[tuple[str, dict[str, str]]]:
        pipe = self._store.client.pipeline(transaction=False)
        for key in page:
            pipe.hgetall(key)
        answers: list[Any] = await pipe.execute() if page else []
        return [(key[len(prefix) :], texts(raw)) for key, raw in zip(page, answers, strict=True)]


def _note_owner(found: Traces, owner: EnrollmentId) -> None:
    if owner not in found.owners:
        found.owners.append(owner)


def _text(event: BookingEvent, spellings: Sequence[str]) -> str:
    """The event without this person, "" when nothing is left."""
    left: BookingEvent | None = event
    for spelling in spellings:
        left = left and left.without(spelling)
    return "" if left is None else left.to_json()
