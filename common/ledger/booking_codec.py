"""
Bookings ↔ store.

`meeting:<bkg>`, one booking as its series says:

| field | content |
| --- | --- |
| `campaign` | whose gateway heard of it first |
| `contact` | whose call it is: the id that their enrollment has or would have; absent while nobody knows |
| `uid`, `stand`, `start`, `end`, `received` | Cal.com's name of it, where it stands, instants in ms |
| `email`, `first`, `tz`, `title`, `join`, `organizer` | what a reminder says |
| `r:<start>/<name>` | `fate at_ms attempts sent detail` of each reminder, as of steps; first `planned due_ms 0 0 ` |

`contact:<enr>`, one person with calls:

| field | content |
| --- | --- |
| `email`, `first` | who |
| `b:<bkg>` | `start end stand` of each of their calls |
| `turn` | how often their calls were written; who gathered before the last time begins again |
| `r`, `v`, `p:*`, `missed` | as of an enrollment, while there is none |
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from common.domain.contact_booking_status import BookingSummary, UnenrolledContact
from common.domain.delivery import Record
from common.domain.ids import BookingId, EnrollmentId
from common.domain.series import Booking, BookingState
from common.ledger.codec import REV, read_pages, read_record

_TEXTS = {
    "email": "email",
    "first": "first_name",
    "tz": "timezone",
    "title": "title",
    "join": "join_url",
    "organizer": "organizer",
}


def booking_fields(booking: Booking) -> dict[str, str]:
    """The fields of a booking that say something."""
    fields = {"uid": booking.uid, "stand": str(booking.stand), "received": str(booking.received_ms)}
    fields |= {short: text for short, name in _TEXTS.items() if (text := getattr(booking, name)) is not None}
    instants = {"start": booking.start_ms, "end": booking.end_ms}
    return fields | {name: str(ms) for name, ms in instants.items() if ms is not None}


def read_booking(booking_id: str, fields: Mapping[str, str]) -> Booking:
    """Raises KeyError or ValueError when this was not written by the scripts."""
    texts: dict[str, Any] = {name: fields.get(short) for short, name in _TEXTS.items()}
    return Booking(
        id=BookingId(booking_id),
        uid=fields["uid"],
        stand=BookingState(fields["stand"]),
        received_ms=int(fields["received"]),
        start_ms=int(fields["start"]) if "start" in fields else None,
        end_ms=int(fields["end"]) if "end" in fields else None,
        starts_ms=tuple(sorted({int(name[2:].split("/")[0]) for name in fields if name.startswith("r:")})),
        **texts,
    )


def read_reminders(fields: Mapping[str, str]) -> dict[str, Record]:
    """The fate of each reminder, by `start_ms/24h`; a planned one's `at_ms` is the instant it is due."""
    return {name[2:]: read_record(text) for name, text in fields.items() if name.startswith("r:")}


def short(call: BookingSummary) -> str:
    return f"{call.start_ms} {call.end_ms} {call.stand}"


def read_calls(fields: Mapping[str, str]) -> dict[BookingId, BookingSummary]:
    """The calls in the HASH of a contact."""
    return {BookingId(name[2:]): _read_call(text) for name, text in fields.items() if name.startswith("b:")}


def read_caller(contact: str, fields: Mapping[str, str]) -> UnenrolledContact:
    return UnenrolledContact(
        id=EnrollmentId(contact),
        email=fields["email"],
        first_name=fields.get("first"),
        revision=int(fields.get(REV, "0")),
        pages=read_pages(fields),
    )


def _read_call(text: str) -> BookingSummary:
    start_ms, end_ms, stand = text.split(" ", 2)
    return BookingSummary(BookingState(stand), int(start_ms), int(end_ms))
