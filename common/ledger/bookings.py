"""Bookings in the ledger: keep an event, gather its series, write what follows from it. See `domain/series.py`."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from common.domain.booking import BookingEvent, BookingKind
from common.domain.contact_booking_status import BookingSummary, Nurture, in_short
from common.domain.enrollment import Enrollment
from common.domain.ids import BookingId, EnrollmentId, booking_id, enrollment_id
from common.domain.reminders import PASSED, PLANNED_AWAY, SHORT_NOTICE, Reminder
from common.domain.series import Booking, BookingState
from common.ledger import keys
from common.ledger.booking_codec import booking_fields, read_calls, short
from common.ledger.ledger import REMEMBER_WEBHOOK_MS, Ledger

_SPARE = {SHORT_NOTICE: True, PASSED: True}
"""A later event about the same start may come with short notice; what was planned before it stays planned."""


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

    `campaign`: whose gateway heard of it first; "" when nobody has.
    """

    booking_id: BookingId
    campaign: str
    events: tuple[BookingEvent, ...]
    contacts: tuple[EnrollmentId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """
    One person with calls. `enrollment`: None when they are not enrolled.

    `turn`: how often their calls were written, so that nobody writes over what they have not read.
    """

    id: EnrollmentId
    turn: int
    calls: Mapping[BookingId, BookingSummary]
    enrollment: Enrollment | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingOutcome:
    """
    What follows from a series.

    `nurture`: for each contact of it, what becomes of their mails. `look`: a booking to look at again, and when, ms.
    """

    gathered: Gathered
    bookings: Sequence[tuple[Booking, Sequence[Reminder]]]
    nurture: Sequence[tuple[Contact, Nurture]]
    look: tuple[BookingId, int] | None = None


class Bookings:
    """The bookings of one ledger. Raises as the ledger does."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def contact_id(self, address: str) -> EnrollmentId:
        """Of a person, enrolled or not: the id that their enrollment has, or would have."""
        return enrollment_id(self.ledger.campaign, address)

    async def accept(self, event: BookingEvent, *, webhook_id: str) -> BookingAnswer:
        """
        Keep an event and ask for its booking to be looked at: one round trip, all or nothing; nothing is decided here.

        `webhook_id` (`calcom:BOOKING_CREATED:uid:createdAt`) is remembered for 45 days; a repetition gets the answer
        that the first one got. An event from the spool is given as it was kept, `received_ms` and all.
        """
        booking = booking_id(event.uid)
        repeated, text = await self.ledger.run_script(
            "accept_booking",
            [keys.webhook(webhook_id), keys.booking(booking)],
            [
                booking,
                event.digest(),
                event.to_json(),
                event.received_ms,
                REMEMBER_WEBHOOK_MS,
                self.ledger.campaign,
                self.ledger.mark(event.email) if event.email else "",
                *_links(event),
            ],
        )
        # A person who was forgotten since is not named again: the repetition says what it says itself.
        first = BookingEvent.from_json(text) if text else event
        return BookingAnswer(
            repeated=bool(repeated),
            kind=first.kind,
            booking_uid=first.uid,
            email=first.email,
            meeting_time_ms=first.start_ms,
            received_ms=first.received_ms,
        )

    async def put_off(self, booking: BookingId, *, until_ms: int) -> None:
        """Look at this booking later: another campaign's worker shall."""
        await self.ledger.run_script("put_off_booking", [keys.BOOKINGS], [booking, until_ms])

    async def gather(self, booking: BookingId) -> Gathered:
        """What is known of the series of this booking."""
        events, contacts, campaign = await self.ledger.run_script("gather_booking", [keys.booking(booking)], [booking])
        return Gathered(
            booking_id=booking,
            campaign=campaign,
            events=tuple(map(BookingEvent.from_json, events)),
            contacts=tuple(dict.fromkeys(map(EnrollmentId, contacts))),
        )

    async def contact(self, contact: EnrollmentId) -> Contact:
        """A person as the ledger knows them now; without calls when this is the first."""
        fields = await self.ledger.read_hash(keys.contact(contact))
        return Contact(
            id=contact,
            turn=int(fields.get("turn", "0")),
            calls=read_calls(fields),
            enrollment=await self.ledger.enrollment(contact),
        )

    async def write(self, outcome: BookingOutcome, *, now_ms: int) -> bool:
        """
        Write what follows from a series; see `write_bookings.lua`.

        The answer is False, and nothing was written, when another event came, or another call of the same person was
        written, since it was gathered.
        """
        gathered = outcome.gathered
        look, look_ms = outcome.look or (None, "")
        told = {
            "contacts": [[contact.id, str(contact.turn), nurture] for contact, nurture in outcome.nurture],
            "spare": _SPARE,
            "look": look,
            "bookings": [self._written(booking, reminders) for booking, reminders in outcome.bookings],
        }
        written = await self.ledger.run_script(
            "write_bookings",
            [keys.BOOKINGS],
            [
                gathered.booking_id,
                len(gathered.events),
                now_ms,
                look_ms,
                f"|{'|'.join(PLANNED_AWAY)}|",
                json.dumps(told, ensure_ascii=False),
            ],
        )
        return bool(written)

    def _written(self, booking: Booking, reminders: Sequence[Reminder]) -> dict[str, Any]:
        call = in_short(booking)
        fields = booking_fields(booking)
        told: dict[str, Any] = {
            "id": booking.id,
            "left": short(BookingSummary(BookingState.MOVED, call.start_ms, call.end_ms)),
            "reminders": [[f"{r.start_ms}/{r.name}", str(r.due_ms), r.because or ""] for r in reminders],
        }
        if booking.email is not None:
            contact = self.contact_id(booking.email)
            fields["contact"] = contact
            person = {name: text for name, text in fields.items() if name in ("email", "first")}
            told |= {"contact": contact, "short": short(call), "person": _flat(person)}
        return told | {"fields": _flat(fields)}


def _links(event: BookingEvent) -> list[str]:
    """What this event joins its booking with."""
    links: list[str] = []
    if event.reschedule_uid is not None and event.reschedule_uid != event.uid:
        links.append(booking_id(event.reschedule_uid))
    if event.ical_uid is not None:
        digest = hashlib.sha256(event.ical_uid.encode()).digest()[:10]
        links.append("ical_" + base64.b32encode(digest).decode().lower())
    return links


def _flat(fields: Mapping[str, str]) -> list[str]:
    return [text for pair in fields.items() for text in pair]
