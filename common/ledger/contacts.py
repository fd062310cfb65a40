"""The right to be forgotten: finds and erases everything stored about a contact, except the hash of their address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from common.domain.booking import BookingEvent
from common.domain.campaign_terms import CampaignTerms
from common.domain.delivery import DeliveryStatus
from common.domain.ids import BookingId, EnrollmentId, GuestId, booking_of, is_enrollment_id, step_name
from common.ledger import codec, keys
from common.ledger.booking_codec import read_calls, read_refused_signups
from common.ledger.console_jobs import JobKind, new_job_id, request_of
from common.ledger.constants import QUEUES
from common.ledger.mailboxes import Mailboxes, traces_id
from common.ledger.store import Store, texts
from common.ledger.unread_bookings import UnreadBookingEvent, UnreadBookings

FORGETS_MAX = 3
"""How often to erase: new data may arrive between the search and the erasure."""

STEPS_MAX = 100
NOT_ERASED = (
    "their rows in Notion, their mails at Resend, a call at Cal.com (cancel it there), backups of the store, and events"
    " in the spool of a gateway"
)
"""What Advent cannot erase, in words for the operator, who must erase it by hand."""
_WAITING = (DeliveryStatus.PLANNED, DeliveryStatus.DEAD)
_NUMBERED_STEPS = [step_name(number) for number in range(1, STEPS_MAX + 1)]
"""Names of steps that may have been removed from their campaign; those of removed steps with a word are unknown."""


@dataclass(slots=True)
class Traces:
    """
    Everything that is stored about the contact with an address, in every campaign and under every spelling.

    `owners`: every id that the contact has or may have; `enrolled` of them are enrollments. `refused`: number of
    their signups that campaigns refused. `spellings`: the spellings of the mailbox that were found. `bookings`: calls
    that are theirs alone. `seats`: their seats at calls that others attend too. `events`: `(booking, digest, text)` of
    each event that names them, among those of shared calls and of calls that now belong to other contacts; `text`: the
    event without them, "" when nothing is left. `waiting`: number of deliveries that are planned, being processed or
    dead letters. `pages`: ids of their Notion pages. `unread`: ids of unreadable Cal.com bodies that name them or one
    of their phone numbers (`phones`).
    """

    address: str
    owners: list[EnrollmentId]
    spellings: list[str] = field(default_factory=list)
    enrolled: int = 0
    refused: int = 0
    bookings: list[BookingId] = field(default_factory=list)
    seats: list[GuestId] = field(default_factory=list)
    events: list[tuple[BookingId, str, str]] = field(default_factory=list)
    waiting: int = 0
    pages: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    phones: set[str] = field(default_factory=set)

    @property
    def is_known(self) -> bool:
        return bool(self.enrolled or self.refused or self.bookings or self.seats or self.events or self.unread)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetJob:
    """
    The job by which a worker puts a forgotten contact's addresses on the provider's suppression list.

    `by`, `via`: the user who forgot the contact, and whether at the console or its API.
    """

    id: str
    by: str
    via: str

    def as_json(self, traces: Traces, now_ms: int) -> dict[str, Any]:
        arguments = {
            "via": self.via,
            "owners": " ".join(traces.owners),
            "pages": " ".join(traces.pages),
            "spellings": str(len(traces.spellings)),
        }
        return request_of(self.id, JobKind.FORGET, arguments, by=self.by, now_ms=now_ms, addresses=traces.spellings)


class Contacts:
    """Everything stored about one contact, in all campaigns of the store. Raises as `Store.run` does."""

    def __init__(self, store: Store, mailboxes: Mailboxes, campaigns: Mapping[str, CampaignTerms]) -> None:
        self._store, self._mailboxes, self._campaigns = store, mailboxes, campaigns
        self._unread = UnreadBookings(store)

    async def find_traces(self, address: str) -> Traces:
        """Find everything stored about the contact with this address, in every campaign. Changes nothing."""
        found = Traces(address, await self._mailboxes.all_ids(address), [address])
        noted = texts(sorted(await self._store.client.smembers(keys.traces(traces_id(address)))))
        calls = [one for one in noted if not is_enrollment_id(one)]
        for owner in dict.fromkeys([*found.owners, *filter(is_enrollment_id, noted)]):
            await self._note_enrollment(found, EnrollmentId(owner))
            calls += await self._note_contact(found, EnrollmentId(owner))
        for booking in dict.fromkeys(calls):
            kept = await self._store.read_hash(keys.booking(BookingId(GuestId(booking))))
            await self._note_booking(found, BookingId(GuestId(booking)), kept)
        found.pages = list(dict.fromkeys(found.pages))
        unread = await self._unread.read_all()
        found.unread = [event.id for event in unread if self._is_named(found, event)]
        return found

    async def _note_enrollment(self, found: Traces, owner: EnrollmentId) -> None:
        fields = await self._store.read_hash(keys.enrollment(owner))
        if not self._is_own_address(found, fields.get("email")):
            return
        _note_owner(found, owner)
        found.enrolled += 1
        if phone := codec.read_assessment(fields).phone:
            found.phones.add(phone)
        found.pages += codec.read_page_ids(fields)
        found.waiting += await self._waiting(owner, fields)

    async def _note_contact(self, found: Traces, contact: EnrollmentId) -> list[str]:
        """Note what is stored about a contact outside enrollments. Return the bookings of their calls."""
        fields = await self._store.read_hash(keys.contact(contact))
        if not self._is_own_address(found, fields.get("email")):
            return []
        _note_owner(found, contact)
        refused = read_refused_signups(fields)
        found.refused += len(refused)
        found.phones |= {one.phone for one in refused if one.phone}
        found.pages += codec.read_page_ids(fields)
        return [booking_of(guest) for guest in read_calls(fields)]

    def _is_own_address(self, found: Traces, email: str | None) -> bool:
        """Return whether this address belongs to the mailbox of `found`. If it does, note its spelling."""
        if email is None or self._store.mailbox(email) != self._store.mailbox(found.address):
            return False
        if email not in found.spellings:
            found.spellings.append(email)
        return True

    def _is_named(self, found: Traces, event: UnreadBookingEvent) -> bool:
        mailbox = self._store.mailbox(found.address)
        named = {self._store.mailbox(address) for address in event.addresses()}
        return mailbox in named or event.names_phone(found.phones)

    async def forget_address(self, address: str, *, now_ms: int, job: ForgetJob | None = None) -> Traces:
        """
        Erase everything that is found, then what arrived in the meantime. Return the first traces, with all spellings.

        `job`: requested in the same script as the first erasure, so both happen or neither. If new spellings arrived in
        the meantime, a further job is requested for them.
        """
        first, asked = await self.find_traces(address), job
        traces = first
        for _ in range(FORGETS_MAX):
            await self.forget(traces, now_ms=now_ms, job=asked)
            traces = await self.find_traces(address)
            if not traces.is_known:
                break
            traces.spellings = [one for one in traces.spellings if one not in first.spellings]
            first.spellings += traces.spellings
            asked = replace(job, id=new_job_id()) if job and traces.spellings else None
        return first

    async def forget(self, traces: Traces, *, now_ms: int, job: ForgetJob | None = None) -> None:
        """Erase these traces, all or nothing, and suppress the address; see `forget` in `lua/contacts.lua`."""
        await self._store.run_json(
            "contacts.forget",
            [keys.SUPPRESSED, *([keys.console_job(job.id)] if job else [])],
            {
                "address_hash": self._store.address_hash(traces.address),
                "now_ms": now_ms,
                "contacts": traces.owners,
                "bookings": traces.bookings,
                "seats": [(booking_of(seat), seat) for seat in traces.seats],
                "events": traces.events,
                "unread": traces.unread,
                "mailbox": traces_id(traces.address),
                "steps": self._step_names(),
                "queues": QUEUES,
                "job": job.as_json(traces, now_ms) if job else None,
            },
        )

    async def erase_ended(self, *, before_ms: int, batch: int = 20) -> bool:
        """
        Erase the answers, mails and calls of contacts whose sequence and calls ended before `before_ms`.

        Checks up to `batch` enrollments. Returns False when there are no more.
        """
        given = {"before_ms": before_ms, "batch": batch, "steps": self._step_names(), "queues": QUEUES}
        return bool(await self._store.run_json("contacts.erase_ended", [keys.ENDED], given) == batch)

    def _step_names(self) -> list[str]:
        """Return the names of the steps of which an enrollment may have a delivery without a record."""
        in_force = {step_name(step) for terms in self._campaigns.values() for step in terms.cadence.steps}
        return sorted(in_force.union(_NUMBERED_STEPS))

    async def _waiting(self, owner: str, fields: dict[str, str]) -> int:
        """Return how many deliveries of an enrollment are planned, being processed, or dead letters."""
        pipe = self._store.client.pipeline(transaction=False)
        for name in codec.read_records(fields):
            pipe.exists(keys.delivery(f"{owner}/{name}"))
        found: list[int] = await pipe.execute()
        return sum(found) + ("next" in fields)

    async def _note_booking(self, found: Traces, booking: BookingId, kept: dict[str, str]) -> None:
        """
        Note the whole booking if no other contact is a guest of it; else only this contact's seat and the events that
        name them.
        """
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
            found.waiting += sum(record.status in _WAITING for record in records)

    def _names(self, event: BookingEvent, found: Traces) -> bool:
        """Return whether the event names the contact. Note every spelling in it, so do not stop at the first."""
        return any([self._is_own_address(found, one) for one in event.addresses])

    async def _guests(self, booking: BookingId) -> dict[GuestId, dict[str, str]]:
        """Return the stored guests of a booking, by id."""
        seats = texts(list(await self._store.client.smembers(keys.seats(booking))))
        found: dict[GuestId, dict[str, str]] = {}
        for guest in (booking, *map(GuestId, seats)):
            fields = await self._store.read_hash(keys.guest(guest))
            if "contact" in fields:
                found[guest] = fields
        return found


def _note_owner(found: Traces, owner: EnrollmentId) -> None:
    if owner not in found.owners:
        found.owners.append(owner)


def _text(event: BookingEvent, spellings: Sequence[str]) -> str:
    """Return the event, as JSON, without this contact; "" when nothing is left."""
    left: BookingEvent | None = event
    for spelling in spellings:
        left = left and left.without(spelling)
    return "" if left is None else left.to_json()
