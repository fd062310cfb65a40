"""Which fields of a booking event were not used as Cal.com sent them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from common.domain.note import Kept, Note, NoteKind
from services.gateway.webhooks.calcom_payload import Attendee, Booking, booking_fields

_REPAIRED = {"email": "was written in its usual form", "timezone": "was read as an IANA name"}


def field_notes(sent: dict[str, Any]) -> tuple[Note, ...]:
    """Of an event that can be read. The guest's fields are those of the first attendee."""
    _, fields = booking_fields(sent)
    return tuple(note for name, given, used in _pairs(fields) if (note := _note(name, given, used)) is not None)


def _pairs(fields: dict[str, Any]) -> Iterator[tuple[str, Any, Kept]]:
    """(Name in notes and metrics, what was sent, what is used)."""
    booking = Booking.model_validate(fields)
    yield "start_time", fields.get("startTime"), booking.start_time
    yield "end_time", fields.get("endTime"), booking.end_time
    yield "title", fields.get("title"), booking.title
    attendees = fields.get("attendees")
    first = attendees[0] if isinstance(attendees, list) and attendees and isinstance(attendees[0], dict) else {}
    guest = Attendee.model_validate(first)
    yield "email", first.get("email"), guest.email
    yield "first_name", first.get("firstName") or first.get("name"), guest.first_name or guest.name
    yield "timezone", first.get("timeZone"), guest.time_zone


def _note(name: str, given: Any, used: Kept) -> Note | None:
    if given is None or (isinstance(given, str) and not given.strip()):
        return None
    if used is None:
        return Note(
            kind=NoteKind.DROPPED, field=name, what="was left out: Cal.com sent it in a form that cannot be used"
        )
    plain = given.strip().lower() if name == "email" and isinstance(given, str) else given
    if name in _REPAIRED and plain != used:
        return Note(kind=NoteKind.REPAIRED, field=name, what=_REPAIRED[name], kept=used)
    return None
