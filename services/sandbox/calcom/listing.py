"""The list of bookings: the filters, order and pages of `GetBookingsInput_2024_08_13`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from services.sandbox.calcom.bookings import Row
from services.sandbox.calcom.errors import CalcomProblem

TAKE, TAKE_MAX = 100, 250
STATUSES: dict[str, Callable[[Row, float], bool]] = {
    "upcoming": lambda row, now: row["status"] in ("accepted", "pending") and seconds(row["end"]) >= now,
    "recurring": lambda row, now: "recurringBookingUid" in row and seconds(row["end"]) >= now,
    "past": lambda row, now: row["status"] not in ("cancelled", "rejected") and seconds(row["end"]) <= now,
    "cancelled": lambda row, now: row["status"] in ("cancelled", "rejected"),
    "unconfirmed": lambda row, now: row["status"] == "pending" and seconds(row["end"]) >= now,
}
TIME_FILTERS: dict[str, Callable[[Row, float], bool]] = {
    "afterStart": lambda row, at: seconds(row["start"]) >= at,
    "beforeEnd": lambda row, at: seconds(row["end"]) <= at,
    "afterCreatedAt": lambda row, at: seconds(row["createdAt"]) >= at,
    "beforeCreatedAt": lambda row, at: seconds(row["createdAt"]) <= at,
    "afterUpdatedAt": lambda row, at: seconds(row["updatedAt"]) >= at,
    "beforeUpdatedAt": lambda row, at: seconds(row["updatedAt"]) <= at,
}
TEXT_FILTERS: dict[str, Callable[[Row, str], bool]] = {
    "bookingUid": lambda row, text: row["uid"] == text,
    "eventTypeId": lambda row, text: str(row["eventTypeId"]) == text,
    "attendeeEmail": lambda row, text: any(who["email"] == text for who in row["attendees"]),
    "attendeeName": lambda row, text: any(who["name"] == text for who in row["attendees"]),
}
ORDERS = {"sortStart": "start", "sortEnd": "end", "sortCreated": "createdAt", "sortUpdatedAt": "updatedAt"}
KNOWN = {"status", "take", "skip", *TIME_FILTERS, *TEXT_FILTERS, *ORDERS}


def list_bookings(rows: list[Row], query: Mapping[str, str], *, now_s: float) -> dict[str, Any]:
    """Return the response's body. Raises CalcomProblem (400) for an unknown filter or an invalid value."""
    if unknown := sorted(query.keys() - KNOWN):
        raise _bad(f"property {unknown[0]} should not exist")
    found = _ordered([row for row in rows if _matches(row, query, now_s)], query)
    take, skip = _count(query, "take", TAKE, 1, TAKE_MAX), _count(query, "skip", 0, 0, 1 << 31)
    page = found[skip : skip + take]
    left = max(0, len(found) - skip - len(page))
    pagination = {
        "totalItems": len(found),
        "remainingItems": left,
        "returnedItems": len(page),
        "itemsPerPage": take,
        "currentPage": skip // take + 1,
        "totalPages": -(-len(found) // take),
        "hasNextPage": left > 0,
        "hasPreviousPage": skip > 0,
    }
    return {"status": "success", "data": page, "pagination": pagination, "error": None}


def seconds(text: str) -> float:
    """Return an ISO 8601 time as seconds since 1970; UTC without an offset. Raises ValueError if it is not a time."""
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _matches(row: Row, query: Mapping[str, str], now_s: float) -> bool:
    statuses = [word.strip() for word in query["status"].split(",")] if "status" in query else []
    for word in statuses:
        if word not in STATUSES:
            raise _bad(f"Invalid status. Allowed are {', '.join(STATUSES)}")
    return (
        (not statuses or any(STATUSES[word](row, now_s) for word in statuses))
        and all(meets(row, _time(query, name)) for name, meets in TIME_FILTERS.items() if name in query)
        and all(meets(row, query[name]) for name, meets in TEXT_FILTERS.items() if name in query)
    )


def _ordered(rows: list[Row], query: Mapping[str, str]) -> list[Row]:
    for name, field in ORDERS.items():
        if name in query:
            if query[name] not in ("asc", "desc"):
                raise _bad(f'{name} must be either "asc" or "desc".')
            return sorted(rows, key=lambda row: seconds(row[field]), reverse=query[name] == "desc")
    return sorted(rows, key=lambda row: seconds(row["start"]))


def _time(query: Mapping[str, str], name: str) -> float:
    try:
        return seconds(query[name])
    except ValueError:
        raise _bad(f"{name} must be a valid ISO 8601 date.") from None


def _count(query: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    text = query.get(name, str(default))
    if not text.isdecimal() or not low <= int(text) <= high:
        raise _bad(f"{name} must be a number from {low} to {high}")
    return int(text)


def _bad(message: str) -> CalcomProblem:
    return CalcomProblem(400, "BadRequestException", message)
