"""
One row of Cal.com's list as one booking: `BookingOutput_2024_08_13`, and its recurring and seated sisters
(packages/platform/types/bookings/2024-08-13/outputs/booking.output.ts of calcom/cal.com).

`icsUid` is what webhooks call `iCalUID`. Bookings of one recurrence differ only in their uids.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast, get_args
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from common.domain.booking_diff import ListedBooking, Status
from common.domain.ids import normal_address

_ADDRESS = re.compile(r"[^@\s<>,;]+@[^@\s<>,;]+")
_ADDRESS_MAX = 254
_WORDS_MAX = 200
_URL = re.compile(r"https?://[^\s<>\"\\]{1,1990}")


def read_booking(row: Any) -> ListedBooking | None:
    """None for what is no booking, or a booking without uid, status or time."""
    given: Mapping[str, Any] = row if isinstance(row, dict) else {}
    uid, status = _token(given.get("uid")), given.get("status")
    start_ms, end_ms = _instant_ms(given.get("start")), _instant_ms(given.get("end"))
    created_ms, updated_ms = _instant_ms(given.get("createdAt")), _instant_ms(given.get("updatedAt"))
    if uid is None or status not in get_args(Status) or start_ms is None or end_ms is None:
        return None
    attendee, kind = _first(given.get("attendees")), _object(given.get("eventType"))
    name = _words(attendee.get("name"))
    return ListedBooking(
        uid=uid,
        status=cast(Status, status),
        # A booking without the time of its creation counts as older than any event about it.
        created_ms=created_ms or updated_ms or 0,
        updated_ms=updated_ms,
        start_ms=start_ms,
        end_ms=end_ms,
        email=_address(attendee.get("email")) or _address(_object(given.get("bookingFieldsResponses")).get("email")),
        moved_from=_token(given.get("rescheduledFromUid")),
        moved_to=_token(given.get("rescheduledToUid")),
        ical_uid=None if given.get("recurringBookingUid") else _token(given.get("icsUid")),
        first_name=name.split()[0] if name else None,
        timezone=_zone(attendee.get("timeZone")),
        title=_words(given.get("title")),
        join_url=_web_address(given.get("location")) or _web_address(given.get("meetingUrl")),
        organizer=_words(_first(given.get("hosts")).get("name")),
        is_absent=attendee.get("absent") is True,
        event_types=tuple(word for value in (kind.get("id"), kind.get("slug")) if (word := _token(value)) is not None),
    )


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _first(value: Any) -> Mapping[str, Any]:
    return _object(value[0]) if isinstance(value, list) and value else {}


def _token(value: Any) -> str | None:
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return text if 0 < len(text) <= 255 and text.isprintable() and " " not in text else None


def _words(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    text = "".join(character if character.isprintable() else " " for character in value[: 4 * _WORDS_MAX])
    return " ".join(text.split())[:_WORDS_MAX].rstrip() or None


def _address(value: Any) -> str | None:
    text = normal_address(value) if isinstance(value, str) else ""
    return text if len(text) <= _ADDRESS_MAX and text.isprintable() and _ADDRESS.fullmatch(text) else None


def _zone(value: Any) -> str | None:
    try:
        return ZoneInfo(value).key if isinstance(value, str) and value else None
    except (LookupError, OSError, ValueError):
        return None


def _web_address(value: Any) -> str | None:
    text = value.strip() if isinstance(value, str) else ""
    try:
        return text if _URL.fullmatch(text) and text.isprintable() and urlsplit(text).hostname else None
    except ValueError:
        return None


def _instant_ms(value: Any) -> int | None:
    try:
        moment = datetime.fromisoformat(value)
        return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    except (TypeError, ValueError, OverflowError):
        return None
