"""
Reads a row of Cal.com's list as a booking: `BookingOutput_2024_08_13`, and its variants for recurring bookings and
for seats (packages/platform/types/bookings/2024-08-13/outputs/booking.output.ts of calcom/cal.com).

`icsUid` is the `iCalUID` of webhooks. Bookings of one recurrence are distinguished only by their uids.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast, get_args

from common.domain.booking_diff import ListedBooking, ListedSeat, Status
from common.normalization.lenient import address, object_or_empty, token, web_address, words
from common.normalization.locale import read_locale, read_timestamp_ms, read_timezone
from common.normalization.place import read_place


def read_booking(row: Any) -> ListedBooking | None:
    """Return the booking, or None for a row that is no booking, or one without uid, known status, start or end."""
    given: Mapping[str, Any] = row if isinstance(row, dict) else {}
    uid, status = token(given.get("uid")), given.get("status")
    start_ms, end_ms = read_timestamp_ms(given.get("start")), read_timestamp_ms(given.get("end"))
    created_ms, updated_ms = read_timestamp_ms(given.get("createdAt")), read_timestamp_ms(given.get("updatedAt"))
    if uid is None or status not in get_args(Status) or start_ms is None or end_ms is None:
        return None
    attendee, kind = _first(given.get("attendees")), object_or_empty(given.get("eventType"))
    answers, host = object_or_empty(given.get("bookingFieldsResponses")), _first(given.get("hosts"))
    seated = _seated(given.get("attendees"))
    seats = _seats(seated)
    return ListedBooking(
        uid=uid,
        status=cast(Status, status),
        # Without a creation time it counts as older than every event that was reported about it.
        created_ms=created_ms or updated_ms or 0,
        updated_ms=updated_ms,
        start_ms=start_ms,
        end_ms=end_ms,
        **_person(attendee, answers),
        moved_from=token(given.get("rescheduledFromUid")),
        moved_to=token(given.get("rescheduledToUid")),
        ical_uid=None if given.get("recurringBookingUid") else token(given.get("icsUid")),
        title=words(given.get("title")),
        join_url=web_address(given.get("location")) or web_address(given.get("meetingUrl")),
        place=read_place(answers.get("location"), given.get("location"), guest_number=attendee.get("phoneNumber")),
        organizer=words(host.get("name")),
        organizer_email=address(host.get("email")),
        seats=seats,
        some_seats_unread=len(seats) < len(seated),
        event_types=tuple(word for value in (kind.get("id"), kind.get("slug")) if (word := token(value)) is not None),
    )


def _seated(attendees: Any) -> list[Mapping[str, Any]]:
    return [one for one in attendees if object_or_empty(one).get("seatUid")] if isinstance(attendees, list) else []


def _seats(seated: Iterable[Mapping[str, Any]]) -> tuple[ListedSeat, ...]:
    """Return the seats whose address can be read. It may be among the answers to the booking form."""
    people = [_person(one, object_or_empty(one.get("bookingFieldsResponses"))) for one in seated]
    return tuple(ListedSeat(**person) for person in people if person["email"] is not None)


def _person(attendee: Mapping[str, Any], answers: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is listed about an attendee. `answers`: theirs to the booking form, one of which agrees to SMS."""
    return {
        "email": _attendee_address(attendee) or address(answers.get("email")),
        "first_name": _first_name(attendee),
        "timezone": read_timezone(attendee.get("timeZone")),
        "locale": read_locale(attendee.get("language")),
        "sms_number": words(answers.get("smsReminderNumber")),
        "is_absent": attendee.get("absent") is True,
    }


def _first(value: Any) -> Mapping[str, Any]:
    return object_or_empty(value[0]) if isinstance(value, list) and value else {}


def _first_name(attendee: Mapping[str, Any]) -> str | None:
    name = words(attendee.get("name"))
    return name.split()[0] if name else None


def _attendee_address(attendee: Mapping[str, Any]) -> str | None:
    """Prefer `displayEmail`: it is the address without what Cal.com appends to the `email` of some attendees."""
    answers = object_or_empty(attendee.get("bookingFieldsResponses"))
    given = (attendee.get("displayEmail"), attendee.get("email"), answers.get("email"))
    return next((found for value in given if (found := address(value)) is not None), None)
