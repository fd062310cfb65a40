"""Bookings in the ledger: store an event, gather its series, write what follows from it. See `domain/series.py`."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass

from common.domain.booking import BookingEvent, BookingKind
from common.domain.contact_booking_status import UnenrolledContact
from common.domain.delivery import Record
from common.domain.guests import events_about
from common.domain.ids import BookingId, EnrollmentId, GuestId, booking_id, booking_of
from common.domain.note import Note
from common.domain.series import Booking
from common.ledger import keys
from common.ledger.booking_codec import read_booking, read_calls, read_unenrolled_contact
from common.ledger.booking_outcome import BookingOutcome, Contact, Gathered, outcome_fields
from common.ledger.codec import read_enrollment, read_records
from common.ledger.mailboxes import Mailboxes, traces_id
from common.ledger.store import Store, pairs

_NAMES_FORGOTTEN = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingAnswer:
    """
    The content of the answer to a booking event, taken only from the first event under this webhook id.

    `repeated`: this webhook id was answered before. `meeting_time_ms`: start of the meeting. `received_ms`: arrival of
    the event that was answered first. None: the event did not report it.
    """

    repeated: bool
    kind: BookingKind
    booking_uid: str
    email: str | None
    meeting_time_ms: int | None
    received_ms: int


@dataclass(frozen=True, slots=True)
class ReportedCall:
    """
    One call of a contact.

    `records`: the record of each reminder (by `start_ms/24h`) and each follow-up (by `no_show/missed`). `events`: all
    events about it.
    """

    booking: Booking
    records: Mapping[str, Record]
    events: tuple[BookingEvent, ...]


def zones_of(calls: Iterable[ReportedCall]) -> list[str | None]:
    """Return the time zone that each of these calls reports, the newest call first."""
    newest_first = sorted((call.booking for call in calls), key=lambda one: one.received_ms, reverse=True)
    return [one.timezone for one in newest_first]


class Bookings:
    """Bookings and their guests. New bookings belong to the first campaign, `campaign`. Raises as `Store.run` does."""

    def __init__(self, store: Store, mailboxes: Mailboxes, *, campaign: str) -> None:
        self._store, self._mailboxes, self._campaign = store, mailboxes, campaign

    async def accept(self, event: BookingEvent, *, webhook_id: str, notes: Sequence[Note] = ()) -> BookingAnswer:
        """
        Store an event and schedule the evaluation of its booking: one round trip, all or nothing. Decides nothing.

        `webhook_id` (`calcom:BOOKING_CREATED:uid:createdAt`) is remembered for 45 days; a repetition gets the answer
        that the first one got. `notes`: go to the guest's timeline. An event from the spool is passed as it was stored,
        with its original `received_ms`.
        """
        hashes = {self._store.address_hash(address): address for address in event.addresses}
        spelled = {self._store.spelled_hash(address): hashed for hashed, address in hashes.items()}
        booking = booking_id(event.uid)
        outcome, text = await self._store.run_json(
            "bookings.accept",
            [keys.webhook(webhook_id), keys.booking(booking)],
            {
                "id": booking,
                "digest": event.digest(),
                "received_ms": event.received_ms,
                "campaign": self._campaign,
                "address_hashes": list(hashes),
                "mailboxes": [*{traces_id(address) for address in event.addresses}],
                "spelled": {old: new for old, new in spelled.items() if old != new},
                "links": _links(event),
                "contact": self._mailboxes.lookup_ids(event.email) if event.email else None,
                "notes": [note.to_json() for note in notes if note.is_on_timeline and event.email] or None,
            },
            event.to_json(),
        )
        if outcome == _NAMES_FORGOTTEN:
            address = hashes[json.loads(text)[0]]
            rest = event.without(address) or event.about(address)
            kept = notes if rest.email == event.email else ()
            return await self.accept(rest, webhook_id=webhook_id, notes=kept)
        # No text: the first event was erased with a forgotten contact. The answer then has only what this request says.
        first = BookingEvent.from_json(text) if text else event
        return BookingAnswer(
            repeated=bool(outcome),
            kind=first.kind,
            booking_uid=first.uid,
            email=first.email,
            meeting_time_ms=first.start_ms,
            received_ms=first.received_ms,
        )

    async def reserve(self, booking: BookingId, *, now_ms: int, count: int) -> list[BookingId]:
        """
        Return this booking and at most `count` others that wait for evaluation; reserve the others for a minute.

        Returns an empty list if the booking was evaluated already, or another worker has reserved it.
        """
        taken = await self._store.run("bookings.take", [keys.BOOKINGS], [booking, now_ms, count])
        return [BookingId(GuestId(one)) for one in taken]

    async def postpone(self, booking: BookingId, *, until_ms: int) -> None:
        """Schedule the evaluation of this booking again: it failed, or a worker of another campaign must do it."""
        await self._store.run("bookings.postpone", [keys.BOOKINGS], [booking, until_ms])

    async def gather(self, booking: BookingId) -> Gathered:
        """Return everything that is stored about the series of this booking."""
        events, guests, campaign = await self._store.run("bookings.gather", [keys.booking(booking)], [booking])
        return Gathered(
            booking_id=booking,
            campaign=campaign,
            events=tuple(map(BookingEvent.from_json, events)),
            contacts=tuple(dict.fromkeys(EnrollmentId(contact) for _, contact, _ in guests)),
            first_guests={booking_of(GuestId(guest)): address for guest, _, address in guests if "-" not in guest},
        )

    async def join(self, booking: BookingId, other: BookingId) -> bool:
        """
        Link two bookings, so that they are gathered together from now on. Their events decide how they are related.

        Returns False if one of them no longer exists.
        """
        return bool(await self._store.run("bookings.join", [keys.BOOKINGS], [booking, other]))

    async def contacts(self, contacts: Sequence[EnrollmentId]) -> list[Contact]:
        """
        Return contacts as the ledger knows them now; without calls if none of theirs has been written yet.

        Uses a script, because script calls for several bookings are sent together; see `Scripts`.
        """
        found = await self._store.run("bookings.contacts", [keys.BOOKINGS], contacts) if contacts else []
        return [
            _contact(contact, pairs(calls), pairs(enrolled))
            for contact, (calls, enrolled) in zip(contacts, found, strict=True)
        ]

    async def unenrolled(self, contact: EnrollmentId) -> UnenrolledContact | None:
        """Return a contact who booked a call, whether enrolled or not; None if nothing is stored about their calls."""
        fields = await self._store.read_hash(keys.contact(contact))
        return read_unenrolled_contact(contact, fields) if fields else None

    async def calls(self, contact: EnrollmentId) -> AsyncIterator[ReportedCall]:
        """Yield all calls of one contact, in no particular order."""
        for guest in read_calls(await self._store.read_hash(keys.contact(contact))):
            fields = await self._store.read_hash(keys.guest(guest))
            if fields.get("contact") == contact:
                kept = (await self._store.read_hash(keys.booking(booking_of(guest)))).values()
                events = events_about(fields.get("email", ""), list(map(BookingEvent.from_json, kept)))
                yield ReportedCall(read_booking(guest, fields), read_records(fields), events)

    async def timezones(self, contact: EnrollmentId) -> list[str | None]:
        """Return the time zone that each call of a contact reports, the newest call first."""
        return zones_of([call async for call in self.calls(contact)])

    async def write(self, outcome: BookingOutcome, *, now_ms: int) -> bool:
        """
        Write the consequences of a series; see `write` in `lua/bookings.lua`.

        Returns False, and writes nothing, if another event arrived, or another call of one of its contacts was written,
        since the series was gathered.
        """
        addresses = [one.email for one, _ in outcome.bookings if one.email is not None]
        contacts = await self._mailboxes.find_all(addresses, outcome.gathered.campaign)
        hashes = {address: self._store.address_hash(address) for address in addresses}
        given = outcome_fields(outcome, contacts, hashes) | {"now_ms": now_ms}
        written = await self._store.run_json("bookings.write", [keys.BOOKINGS], given)
        return bool(written)


def _contact(contact: EnrollmentId, calls: Mapping[str, str], enrolled: Mapping[str, str]) -> Contact:
    return Contact(
        id=contact,
        writes=int(calls.get("writes", "0")),
        calls=read_calls(calls),
        enrollment=read_enrollment(contact, enrolled) if enrolled else None,
        email=calls.get("email"),
    )


def _links(event: BookingEvent) -> list[BookingId]:
    """Return the booking that this event moved, if any. Recurring bookings, which share an iCalUID, are not linked."""
    moved = event.reschedule_uid
    return [] if moved in (None, event.uid) else [booking_id(moved)]
