"""
Bookings ↔ store.

`guest:<gst>`, one person whose call a booking is, as its series says; `<gst>` is the booking's id, and of a seat the
same with six letters or digits behind it:

| field | content |
| --- | --- |
| `campaign` | whose gateway received the first event |
| `contact` | the id that their enrollment has or would have; absent while nobody knows |
| `uid`, `state`, `start_ms`, `end_ms`, `received_ms` | Cal.com's name of the booking, its state and times |
| `email`, `address_hash`, `first_name`, `timezone`, `locale` | of the guest |
| `title`, `join_url`, `place`, `organizer` | of the mails |
| `sms_number`, `number_hash` | given for reminders by SMS; of the one that was last written to |
| `reschedule_url`, `cancel_url` | Cal.com's pages on which the guest changes it |
| `decided` | as of an enrollment |
| `/<start_ms>/<name>` | the record of each reminder, as of steps; first `planned due_ms` |
| `/<trigger>/<name>` | the record of each follow-up; trigger: `no_show`, `completed`, `cancelled` |

`contact:<enr>`, one person with calls:

| field | content |
| --- | --- |
| `email`, `first_name` | who |
| `sms_answer` | what their phone answered last |
| `call:<gst>` | `start end state` of each of their calls |
| `called_off:<gst>` | when it was reported that there is no such call any more; absent while there is one |
| `writes` | how often their calls were written; who gathered before the last time begins again |
| `revision`, `mirrored`, `page:*`, `mirror_misses` | as of an enrollment, while there is none |
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from common.domain.contact_booking_status import BookingSummary, UnenrolledContact
from common.domain.ids import EnrollmentId, GuestId
from common.domain.series import Booking, BookingState
from common.ledger.codec import read_pages

_TEXTS = (
    "email",
    "first_name",
    "timezone",
    "locale",
    "title",
    "join_url",
    "place",
    "organizer",
    "reschedule_url",
    "cancel_url",
    "sms_number",
)

OPTIONAL_FIELDS = (*_TEXTS, "address_hash", "start_ms", "end_ms")
"""Of a guest; what a booking no longer says goes."""


def booking_fields(booking: Booking) -> dict[str, str]:
    """The fields of a booking that say something."""
    fields = {"uid": booking.uid, "state": str(booking.state), "received_ms": str(booking.received_ms)}
    fields |= {name: text for name in _TEXTS if (text := getattr(booking, name)) is not None}
    times = {"start_ms": booking.start_ms, "end_ms": booking.end_ms}
    return fields | {name: str(ms) for name, ms in times.items() if ms is not None}


def read_booking(booking_id: str, fields: Mapping[str, str]) -> Booking:
    """Raises KeyError or ValueError when this was not written by the scripts."""
    texts: dict[str, Any] = {name: fields.get(name) for name in _TEXTS}
    return Booking(
        id=GuestId(booking_id),
        uid=fields["uid"],
        state=BookingState(fields["state"]),
        received_ms=int(fields["received_ms"]),
        start_ms=int(fields["start_ms"]) if "start_ms" in fields else None,
        end_ms=int(fields["end_ms"]) if "end_ms" in fields else None,
        starts_ms=tuple(sorted({int(start) for start in map(_start_of, fields) if start.isdecimal()})),
        **texts,
    )


def _start_of(field: str) -> str:
    """`1764856800000` of a reminder's record, `no_show` of a follow-up's; "" of other fields."""
    return field[1:].partition("/")[0] if field.startswith("/") else ""


def short(call: BookingSummary) -> str:
    return f"{call.start_ms} {call.end_ms} {call.state}"


def read_calls(fields: Mapping[str, str]) -> dict[GuestId, BookingSummary]:
    """The calls in the HASH of a contact."""
    return {
        GuestId(guest): _read_call(text, fields.get(f"called_off:{guest}"))
        for name, text in fields.items()
        if (guest := name.removeprefix("call:")) != name
    }


def read_caller(contact: str, fields: Mapping[str, str]) -> UnenrolledContact:
    return UnenrolledContact(
        id=EnrollmentId(contact),
        email=fields["email"],
        first_name=fields.get("first_name"),
        revision=int(fields.get("revision", "0")),
        pages=read_pages(fields),
    )


def _read_call(text: str, called_off: str | None) -> BookingSummary:
    start_ms, end_ms, state = text.split(" ", 2)
    called_off_ms = int(called_off) if called_off is not None else None
    return BookingSummary(BookingState(state), int(start_ms), int(end_ms), called_off_ms)
