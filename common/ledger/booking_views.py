"""Reads only: what contact, timeline and dead letters show of a person's calls."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from common.clock import iso
from common.domain.booking import BookingEvent, BookingKind
from common.domain.contact_booking_status import UnenrolledContact
from common.domain.delivery import DeliveryStatus, Record
from common.domain.ids import DeliveryId, EnrollmentId, split_delivery_id
from common.domain.series import Booking
from common.ledger import feedback, keys
from common.ledger.booking_codec import read_booking, read_caller, read_calls, read_reminders
from common.ledger.ledger import Ledger

_WORDS = {
    BookingKind.REQUESTED: "call requested",
    BookingKind.CREATED: "call booked",
    BookingKind.RESCHEDULED: "call moved",
    BookingKind.CANCELLED: "call cancelled",
    BookingKind.REJECTED: "call rejected",
    BookingKind.NO_SHOW: "no-show marked",
    BookingKind.ENDED: "call ended",
}


@dataclass(frozen=True, slots=True)
class CallTold:
    """One call of a person: where it stands, the fate of each reminder by `start_ms/24h`, and all that was told."""

    booking: Booking
    reminders: Mapping[str, Record]
    events: tuple[BookingEvent, ...]


async def caller(ledger: Ledger, contact: EnrollmentId) -> UnenrolledContact | None:
    """Somebody who booked a call, enrolled or not."""
    fields = await ledger.read_hash(keys.contact(contact))
    return read_caller(contact, fields) if fields else None


async def calls(ledger: Ledger, contact: EnrollmentId) -> AsyncIterator[CallTold]:
    """All calls of one person, in no order."""
    for booking in read_calls(await ledger.read_hash(keys.contact(contact))):
        fields = await ledger.read_hash(keys.meeting(booking))
        if fields.get("contact") == contact:
            told = await ledger.read_hash(keys.booking(booking))
            events = tuple(map(BookingEvent.from_json, told.values()))
            yield CallTold(read_booking(booking, fields), read_reminders(fields), events)


async def happened(ledger: Ledger, contact: EnrollmentId) -> list[tuple[int, str, str]]:
    """What happened to the calls of one person and to their reminders: (instant, what, detail), in no order."""
    lines: list[tuple[int, str, str]] = []
    async for call in calls(ledger, contact):
        lines += [(event.received_ms, _what(event), _detail(event)) for event in call.events]
        for name, record in call.reminders.items():
            if record.fate is not DeliveryStatus.PLANNED:
                what = f"reminder {name.partition('/')[2]}"
                if not record.fate.is_told:
                    lines.append((record.at_ms, f"{what} {record.fate}", record.detail))
                if record.sent_ms and (record.fate.is_told or record.sent_ms != record.at_ms):
                    lines.append((record.sent_ms, f"{what} accepted", record.detail))
        lines += await feedback.happened(ledger, call.booking.id, call.reminders)
    return lines


async def planned(ledger: Ledger, contact: EnrollmentId) -> list[tuple[int, str]]:
    """The reminders still to come: (due instant, `reminder 24h planned`), soonest first."""
    return sorted(
        [
            (record.at_ms, f"reminder {name.partition('/')[2]} planned")
            async for call in calls(ledger, contact)
            for name, record in call.reminders.items()
            if record.fate is DeliveryStatus.PLANNED
        ]
    )


async def reminder(ledger: Ledger, delivery: DeliveryId) -> tuple[str, Record] | None:
    """(Address, fate) of one reminder."""
    booking, name = split_delivery_id(delivery)
    fields = await ledger.read_hash(keys.meeting(booking))
    record = read_reminders(fields).get(name)
    return (fields.get("email", ""), record) if record else None


def _what(event: BookingEvent) -> str:
    if event.kind is BookingKind.NO_SHOW and not any(absent for _, absent in event.no_shows):
        return "no-show taken back"
    return _WORDS[event.kind]


def _detail(event: BookingEvent) -> str:
    """Which meeting; the host's wish for another time."""
    start = "" if event.start_ms is None else f"for {iso(event.start_ms)}"
    return start + (", to be booked anew" if event.request_reschedule else "")
