"""Bookings in the ledger: keep an event, gather its series, write what follows from it. See `domain/series.py`."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from common.domain.booking import BookingEvent, BookingKind
from common.domain.contact_booking_status import BookingSummary, Nurture, UnenrolledContact, in_short
from common.domain.delivery import Record, Trigger, delivery_of
from common.domain.enrollment import Enrollment
from common.domain.follow_ups import FOLLOW_UPS_AWAY, SENT_BEFORE, FollowUp
from common.domain.guests import events_about
from common.domain.ids import BookingId, EnrollmentId, GuestId, booking_id, booking_of
from common.domain.note import Note
from common.domain.reminders import PASSED, PLANNED_AWAY, QUIET_HOURS, SHORT_NOTICE, Reminder
from common.domain.series import Booking, BookingState
from common.ledger import keys
from common.ledger.booking_codec import (
    OPTIONAL_FIELDS,
    booking_fields,
    read_booking,
    read_caller,
    read_calls,
    short,
)
from common.ledger.codec import read_enrollment, read_records
from common.ledger.mailboxes import Mailboxes, index_id
from common.ledger.store import Store, flat, pairs

_SPARING = {SHORT_NOTICE: True, PASSED: True, QUIET_HOURS: True}
"""A later event about the same start may come with short notice; what was planned before it stays planned."""

_PLANNING = dict.fromkeys((*PLANNED_AWAY, *FOLLOW_UPS_AWAY, SENT_BEFORE), True)
_NAMES_FORGOTTEN = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingAnswer:
    """
    What the answer to a booking event is made of: only of what the first event under this webhook id said.

    `repeated`: this webhook id was answered before. `meeting_time_ms`: start of the meeting. `received_ms`: the arrival
    of the event that was answered first. None: the event did not say.
    """

    repeated: bool
    kind: BookingKind
    booking_uid: str
    email: str | None
    meeting_time_ms: int | None
    received_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """
    All events of one series, and the ids of the contacts that its bookings were kept with so far.

    `campaign`: whose gateway received the first event; "" when there was none. `first_guests`: by booking, the address
    of the guest who is kept under the booking's own id.
    """

    booking_id: BookingId
    campaign: str
    events: tuple[BookingEvent, ...]
    contacts: tuple[EnrollmentId, ...]
    first_guests: Mapping[BookingId, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """
    One person with calls. `enrollment`: None when they are not enrolled.

    `writes`: how often their calls were written, so that nobody writes over what they have not read.
    """

    id: EnrollmentId
    writes: int
    calls: Mapping[GuestId, BookingSummary]
    enrollment: Enrollment | None
    email: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingOutcome:
    """
    What follows from a series.

    `bookings`: each with its reminders; `follow_ups`: by guest. `nurture`: for each contact of it, what becomes of
    their mails; `others`: of those of their other campaigns. `look`: a booking to look at again, and when, ms.
    """

    gathered: Gathered
    bookings: Sequence[tuple[Booking, Sequence[Reminder]]]
    nurture: Sequence[tuple[Contact, Nurture]]
    others: Sequence[tuple[Enrollment, Nurture]] = ()
    follow_ups: Mapping[GuestId, Sequence[FollowUp]] = field(default_factory=dict)
    look: tuple[BookingId, int] | None = None


@dataclass(frozen=True, slots=True)
class ReportedCall:
    """
    One call of a person: the booking, the record of each reminder by `start_ms/24h` and of each follow-up by
    `no_show/missed`, and all events.
    """

    booking: Booking
    records: Mapping[str, Record]
    events: tuple[BookingEvent, ...]


def zones_of(calls: Iterable[ReportedCall]) -> list[str | None]:
    """As they report them, the newest first."""
    newest_first = sorted((call.booking for call in calls), key=lambda one: one.received_ms, reverse=True)
    return [one.timezone for one in newest_first]


class Bookings:
    """Those that came to the gateway are the first campaign's, `campaign`. Raises as `Store.run` does."""

    def __init__(self, store: Store, mailboxes: Mailboxes, *, campaign: str) -> None:
        self._store, self._mailboxes, self._campaign = store, mailboxes, campaign

    async def accept(self, event: BookingEvent, *, webhook_id: str, notes: Sequence[Note] = ()) -> BookingAnswer:
        """
        Keep an event and ask for its booking to be looked at: one round trip, all or nothing; nothing is decided here.

        `webhook_id` (`calcom:BOOKING_CREATED:uid:createdAt`) is remembered for 45 days; a repetition gets the answer
        that the first one got. `notes` go to the guest's timeline. An event from the spool is given as it was kept,
        `received_ms` and all.
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
                "mailboxes": [*{index_id(address) for address in event.addresses}],
                "spelled": {old: new for old, new in spelled.items() if old != new},
                "links": _links(event),
                "contact": self._mailboxes.ids(event.email) if event.email else None,
                "notes": [note.to_json() for note in notes if note.is_on_timeline and event.email] or None,
            },
            event.to_json(),
        )
        if outcome == _NAMES_FORGOTTEN:
            address = hashes[json.loads(text)[0]]
            rest = event.without(address) or event.about(address)
            kept = notes if rest.email == event.email else ()
            return await self.accept(rest, webhook_id=webhook_id, notes=kept)
        # A person who was forgotten since is not named again: the repetition says what it says itself.
        first = BookingEvent.from_json(text) if text else event
        return BookingAnswer(
            repeated=bool(outcome),
            kind=first.kind,
            booking_uid=first.uid,
            email=first.email,
            meeting_time_ms=first.start_ms,
            received_ms=first.received_ms,
        )

    async def take(self, booking: BookingId, *, now_ms: int, count: int) -> list[BookingId]:
        """This booking, and others that wait to be looked at; none when it has been looked at, or is just now."""
        taken = await self._store.run("bookings.take", [keys.BOOKINGS], [booking, now_ms, count])
        return [BookingId(GuestId(one)) for one in taken]

    async def postpone(self, booking: BookingId, *, until_ms: int) -> None:
        """Look at this booking later: it belongs to another campaign's worker."""
        await self._store.run("bookings.postpone", [keys.BOOKINGS], [booking, until_ms])

    async def gather(self, booking: BookingId) -> Gathered:
        """What is known of the series of this booking."""
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
        From now on they are gathered together; what they have to do with each other their events say. False: one of
        them is not there any more.
        """
        return bool(await self._store.run("bookings.join", [keys.BOOKINGS], [booking, other]))

    async def contacts(self, contacts: Sequence[EnrollmentId]) -> list[Contact]:
        """
        People as the ledger knows them now; without calls when this is the first. By a script, whose calls for several
        bookings go together, see `Scripts`.
        """
        found = await self._store.run("bookings.contacts", [keys.BOOKINGS], contacts) if contacts else []
        return [
            _contact(contact, pairs(calls), pairs(enrolled))
            for contact, (calls, enrolled) in zip(contacts, found, strict=True)
        ]

    async def unenrolled(self, contact: EnrollmentId) -> UnenrolledContact | None:
        """Somebody who booked a call, enrolled or not."""
        fields = await self._store.read_hash(keys.contact(contact))
        return read_caller(contact, fields) if fields else None

    async def calls(self, contact: EnrollmentId) -> AsyncIterator[ReportedCall]:
        """All calls of one person, in no order."""
        for guest in read_calls(await self._store.read_hash(keys.contact(contact))):
            fields = await self._store.read_hash(keys.guest(guest))
            if fields.get("contact") == contact:
                kept = (await self._store.read_hash(keys.booking(booking_of(guest)))).values()
                events = events_about(fields.get("email", ""), list(map(BookingEvent.from_json, kept)))
                yield ReportedCall(read_booking(guest, fields), read_records(fields), events)

    async def timezones(self, contact: EnrollmentId) -> list[str | None]:
        """As a person's calls report them, the newest first."""
        return zones_of([call async for call in self.calls(contact)])

    async def write(self, outcome: BookingOutcome, *, now_ms: int) -> bool:
        """
        Write what follows from a series; see `write` in `lua/bookings.lua`.

        The answer is False, and nothing was written, when another event came, or another call of the same person was
        written, since it was gathered.
        """
        gathered = outcome.gathered
        look = outcome.look
        addresses = [one.email for one, _ in outcome.bookings if one.email is not None]
        contacts = await self._mailboxes.find_all(addresses, gathered.campaign)
        written = await self._store.run_json(
            "bookings.write",
            [keys.BOOKINGS],
            {
                "id": gathered.booking_id,
                "events": len(gathered.events),
                "now_ms": now_ms,
                "contacts": [
                    {"id": contact.id, "writes": contact.writes, "nurture": nurture}
                    for contact, nurture in outcome.nurture
                ],
                "others": [
                    {"id": one.id, "contact": one.contact_id, "nurture": nurture} for one, nurture in outcome.others
                ],
                "bookings": [
                    self._written(booking, reminders, contacts)
                    | {"follow_ups": [_follow_up(one, booking) for one in outcome.follow_ups.get(booking.id, ())]}
                    for booking, reminders in outcome.bookings
                ],
                "optional_fields": OPTIONAL_FIELDS,
                "jobs": [
                    (f"{gathered.booking_id}/{event.digest()}", event.received_ms)
                    for event in gathered.events
                    if booking_id(event.uid) == gathered.booking_id
                ],
                "planning": _PLANNING,
                "sparing": _SPARING,
                "sent_before": SENT_BEFORE,
                "look": {"id": look[0], "at_ms": look[1]} if look else None,
            },
        )
        return bool(written)

    def _written(
        self, booking: Booking, reminders: Sequence[Reminder], contacts: Mapping[str, EnrollmentId]
    ) -> dict[str, Any]:
        call = in_short(booking)
        fields = booking_fields(booking)
        written: dict[str, Any] = {
            "id": booking.id,
            "left": short(BookingSummary(BookingState.MOVED, call.start_ms, call.end_ms)),
            "reminders": [_reminder(reminder) for reminder in reminders],
            "is_unmarked": booking.state is BookingState.UNMARKED,
        }
        if booking.id != booking_of(booking.id):
            written["seat_of"] = booking_of(booking.id)
        if booking.email is not None:
            contact = contacts[booking.email]
            fields |= {"contact": contact, "address_hash": self._store.address_hash(booking.email)}
            person = {name: text for name, text in fields.items() if name in ("email", "first_name")}
            written |= {"contact": contact, "call": short(call), "person": flat(person)}
            if call.called_off_ms is not None:
                written["called_off"] = str(call.called_off_ms)
        return written | {"fields": flat(fields)}


def _contact(contact: EnrollmentId, calls: Mapping[str, str], enrolled: Mapping[str, str]) -> Contact:
    return Contact(
        id=contact,
        writes=int(calls.get("writes", "0")),
        calls=read_calls(calls),
        enrollment=read_enrollment(contact, enrolled) if enrolled else None,
        email=calls.get("email"),
    )


def _reminder(reminder: Reminder) -> dict[str, Any]:
    written: dict[str, Any] = {"name": f"{reminder.start_ms}/{reminder.name}", "due_ms": reminder.due_ms}
    return written if reminder.because is None else written | {"reason": reminder.because}


def _follow_up(follow_up: FollowUp, booking: Booking) -> dict[str, Any]:
    delivery = delivery_of(follow_up.id)
    written: dict[str, Any] = {
        "name": follow_up.name,
        "due_ms": follow_up.due_ms,
        "trigger": delivery.trigger,
        "other_triggers": [one for one in Trigger if one is not delivery.trigger],
        "chain": booking.chain,
    }
    return written if follow_up.because is None else written | {"reason": follow_up.because}


def _links(event: BookingEvent) -> list[BookingId]:
    """The booking that this event says was moved; recurring bookings share an iCalUID and are not joined."""
    moved = event.reschedule_uid
    return [] if moved in (None, event.uid) else [booking_id(moved)]
