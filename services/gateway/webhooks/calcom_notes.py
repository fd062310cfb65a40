"""Notes about fields of a booking event that were repaired, or left out because they cannot be used as sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from common.domain.booking import BookingKind
from common.domain.note import Kept, Note, NoteKind
from common.normalization.place import read_place
from common.normalization.text import if_usable, name_if_usable
from services.gateway.webhooks.calcom_event import CANCELLED_KINDS
from services.gateway.webhooks.calcom_payload import Attendee, Booking, ReceivedWebhook

_REPAIRED = {"email": "was written in its usual form", "timezone": "was read as an IANA name"}
_LEFT_OUT = "was left out: Cal.com sent it in a form that cannot be used"
_NAMES_ATTENDEES = (*CANCELLED_KINDS, BookingKind.NO_SHOW)

Field = tuple[str, Any, Kept]
"""(the name in notes and metrics, the value as sent, the value in use or None)"""


def field_notes(webhook: ReceivedWebhook, kind: BookingKind) -> tuple[Note, ...]:
    """
    Return the notes about a parsed event. The guest's fields are those of the first attendee.

    A field of another attendee gets a note only if it was left out and the event uses these attendees, because the
    notes are shown with the first guest.
    """
    attendees = webhook.fields.get("attendees")
    listed = attendees if isinstance(attendees, list) else []
    given = [one for one in listed if isinstance(one, dict)]
    pairs = list(zip(given, webhook.booking.attendees, strict=True)) or [({}, Attendee())]
    fields = [*_booking_fields(webhook.fields, webhook.booking), *_attendee_fields(*pairs[0])]
    found = [_note(*one) for one in fields]
    if webhook.booking.seats_per_time_slot or kind in _NAMES_ATTENDEES:
        found += [_dropped(*one) for pair in pairs[1:] for one in _attendee_fields(*pair)]
    if kind is BookingKind.NO_SHOW:
        found += [_dropped("no_show", one.get("noShow"), attendee.no_show) for one, attendee in pairs]
    if len(given) < len(listed) or (attendees is not None and attendees is not listed):
        found.append(_dropped("attendees", attendees, None))
    return tuple(dict.fromkeys(note for note in found if note is not None))


def _booking_fields(fields: dict[str, Any], booking: Booking) -> Iterator[Field]:
    yield "start_time", fields.get("startTime"), booking.start_time
    yield "end_time", fields.get("endTime"), booking.end_time
    yield "title", fields.get("title"), if_usable(booking.title)
    yield "ical_uid", fields.get("iCalUID"), booking.i_cal_uid
    yield "sequence", fields.get("iCalSequence"), booking.i_cal_sequence
    yield "event_type", fields.get("eventTypeId"), booking.event_type_id
    yield "seats", fields.get("seatsPerTimeSlot"), booking.seats_per_time_slot
    is_address = "://" in (booking.location_kind or "")  # Otherwise a room, a phone number or a service's name.
    location = fields.get("location")
    used = booking.location if is_address else booking.location or booking.location_kind or read_place(None, location)
    yield "location", location, used
    yield "location", *_member(fields, "metadata", "videoCallUrl", booking.metadata.video_call_url)
    yield "location", *_member(fields, "videoCallData", "url", booking.video_call_data.url)
    for name, host in (("organizer", booking.organizer), ("user", booking.user)):
        yield "organizer", *_member(fields, name, "name", host.name)
        yield "organizer_email", *_member(fields, name, "email", host.email)


def _attendee_fields(given: dict[str, Any], attendee: Attendee) -> Iterator[Field]:
    yield "email", given.get("displayEmail") or given.get("email"), attendee.display_email or attendee.email
    yield "first_name", given.get("firstName") or given.get("name"), name_if_usable(attendee.given_name)
    yield "timezone", given.get("timeZone"), attendee.time_zone
    yield "locale", *_member(given, "language", "locale", attendee.language.locale)


def _member(fields: dict[str, Any], name: str, member: str, used: Kept) -> tuple[Any, Kept]:
    """Return (the value sent in `fields[name][member]`, `used`); what is not an object counts as the value itself."""
    given = fields.get(name)
    return (given.get(member) if isinstance(given, dict) else given), used


def _note(name: str, given: Any, used: Kept) -> Note | None:
    if _is_absent(given) or used is None:
        return _dropped(name, given, used)
    plain = given.strip().lower() if name == "email" and isinstance(given, str) else given
    if name in _REPAIRED and plain != used:
        return Note(kind=NoteKind.REPAIRED, field=name, what=_REPAIRED[name], kept=used)
    return None


def _dropped(name: str, given: Any, used: Kept) -> Note | None:
    if _is_absent(given) or used is not None:
        return None
    return Note(kind=NoteKind.DROPPED, field=name, what=_LEFT_OUT)


def _is_absent(given: Any) -> bool:
    return given is None or (isinstance(given, str) and not given.strip())
