"""
Converts bookings and contacts with calls to and from the store.

`guest:<gst>` is one guest of a booking, in the state that follows from its series. `<gst>` is the booking's id; for a
seat, a hyphen and six letters or digits follow:

| field | content |
| --- | --- |
| `campaign` | the campaign whose gateway received the first event |
| `contact` | the id that the guest's enrollment has or would have; absent while the guest is unknown |
| `uid`, `state`, `start_ms`, `end_ms`, `received_ms` | Cal.com's id of the booking, its state and times |
| `email`, `address_hash`, `first_name`, `timezone`, `locale` | the guest |
| `title`, `join_url`, `place`, `organizer` | details for the mails |
| `sms_number`, `number_hash` | the number given for reminders by SMS; the hash of the number that got the last SMS |
| `reschedule_url`, `cancel_url` | the Cal.com pages on which the guest can change the booking |
| `decided`, `versions` | the same as for an enrollment |
| `/<start_ms>/<name>` | the record of each reminder, in the same form as for steps; first `planned due_ms` |
| `/<trigger>/<name>` | the record of each follow-up; trigger: `no_show`, `completed`, `cancelled` |

`contact:<enr>` is one contact with calls, or whose signup was refused:

| field | content |
| --- | --- |
| `email`, `first_name` | the contact |
| `sms_answer` | their last answer to an SMS |
| `call:<gst>` | `start_ms end_ms state` of each of their calls |
| `called_off:<gst>` | when the call was reported cancelled or rejected, ms; absent if the host asked for another time |
| `signup:<campaign>` | the assessment of a signup that this campaign refused |
| `writes` | how often their calls were written; a worker that gathered them before the last write must start again |
| `revision`, `mirrored`, `page:*`, `mirror_misses` | the same as for an enrollment, while there is none |
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from common.domain.contact import Assessment
from common.domain.contact_booking_status import BookingSummary, UnenrolledContact
from common.domain.ids import EnrollmentId, GuestId
from common.domain.series import Booking, BookingState
from common.ledger.codec import read_assessment, read_pages

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
"""The guest's fields that are deleted when the booking no longer contains them."""


def booking_fields(booking: Booking) -> dict[str, str]:
    """Return the fields of a guest's HASH for the values of a booking that are known."""
    fields = {"uid": booking.uid, "state": str(booking.state), "received_ms": str(booking.received_ms)}
    fields |= {name: text for name in _TEXTS if (text := getattr(booking, name)) is not None}
    times = {"start_ms": booking.start_ms, "end_ms": booking.end_ms}
    return fields | {name: str(ms) for name, ms in times.items() if ms is not None}


def read_booking(booking_id: str, fields: Mapping[str, str]) -> Booking:
    """Return the booking in a guest's HASH. Raises KeyError or ValueError if the scripts did not write it."""
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
    """Return the first part of a record's name: `1764856800000` (reminder) or `no_show` (follow-up); "" for others."""
    return field[1:].partition("/")[0] if field.startswith("/") else ""


def call_text(call: BookingSummary) -> str:
    """Return a call in the form in which its contact's HASH stores it."""
    return f"{call.start_ms} {call.end_ms} {call.state}"


def read_calls(fields: Mapping[str, str]) -> dict[GuestId, BookingSummary]:
    """Return the calls in a contact's HASH, by guest id."""
    return {
        GuestId(guest): _read_call(text, fields.get(f"called_off:{guest}"))
        for name, text in fields.items()
        if (guest := name.removeprefix("call:")) != name
    }


def read_unenrolled_contact(contact: str, fields: Mapping[str, str]) -> UnenrolledContact:
    """Return the contact in a contact's HASH. Raises KeyError or ValueError if the scripts did not write it."""
    return UnenrolledContact(
        id=EnrollmentId(contact),
        email=fields["email"],
        first_name=fields.get("first_name"),
        revision=int(fields.get("revision", "0")),
        pages=read_pages(fields),
    )


def read_refused_signups(fields: Mapping[str, str]) -> list[Assessment]:
    """Return the signups in a contact's HASH that campaigns refused."""
    email = fields.get("email", "")
    return [
        read_assessment({"email": email, "assessment": text})
        for name, text in fields.items()
        if name.startswith("signup:")
    ]


def _read_call(text: str, called_off: str | None) -> BookingSummary:
    start_ms, end_ms, state = text.split(" ", 2)
    called_off_ms = int(called_off) if called_off is not None else None
    return BookingSummary(BookingState(state), int(start_ms), int(end_ms), called_off_ms)
