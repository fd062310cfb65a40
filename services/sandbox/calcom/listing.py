"""Which bookings a question asks for: the filters, order and pages of `GetBookingsInput_2024_08_13`."""

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
INSTANTS: dict[str, Callable[[Row, float], bool]] = {
    "afterStart": lambda row, at: seconds(row["start"]) >= at,
    "beforeEnd": lambda row, at: seconds(row["end"]) <= at,
    "afterCreatedAt": lambda row, at: seconds(row["createdAt"]) >= at,
    "beforeCreatedAt": lambda row, at: seconds(row["createdAt"]) <= at,
    "afterUpdatedAt": lambda row, at: seconds(row["updatedAt"]) >= at,
    "beforeUpdatedAt": lambda row, at: seconds(row["updatedAt"]) <= at,
}
WORDS: dict[str, Callable[[Row, str], bool]] = {
    "bookingUid": lambda row, word: row["uid"] == word,
    "eventTypeId": lambda row, word: str(row["eventTypeId"]) == word,
    "attendeeEmail": lambda row, word: any(who["email"] == word for who in row["attendees"]),
    "attendeeName": lambda row, word: any(who["name"] == word for who in row["attendees"]),
}
ORDERS = {"sortStart": "start", "sortEnd": "end", "sortCreated": "createdAt", "sortUpdatedAt": "updatedAt"}
KNOWN = {"status", "take", "skip", *INSTANTS, *WORDS, *ORDERS}


def listed(rows: list[Row], query: Mapping[str, str], *, now_s: float) -> dict[str, Any]:
    """The answer's body. Raises 400 for a filter that is unknown, or no value of its kind."""
    if unknown := sorted(query.keys() - KNOWN):
        raise _bad(f"property {unknown[0]} should not exist")
    found = _ordered([row for row in rows if _meets(row, query, now_s)], query)
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
    """Of an ISO 8601 instant. Raises ValueError for another text."""
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _meets(row: Row, query: Mapping[str, str], now_s: float) -> bool:
    statuses = [word.strip() for word in query["status"].split(",")] if "status" in query else []
    for word in statuses:
        if word not in STATUSES:
            raise _bad(f"Invalid status. Allowed are {', '.join(STATUSES)}")
    return (
        (not statuses or any(STATUSES[word](row, now_s) for word in statuses))
        and all(meets(row, _instant(query, name)) for name, meets in INSTANTS.items() if name in query)
        and all(meets(row, query[name]) for name, meets in WORDS.items() if name in query)
    )


def _ordered(rows: list[Row], query: Mapping[str, str]) -> list[Row]:
    for name, field in ORDERS.items():
        if name in query:
            if query[name] not in ("asc", "desc"):
                raise _bad(f'{name} must be either "asc" or "desc".')
            return sorted(rows, key=lambda row: seconds(row[field]), reverse=query[name] == "desc")
    return sorted(rows, key=lambda row: seconds(row["start"]))


def _instant(query: Mapping[str, str], name: str) -> float:
    try:
        return seconds(query[name])
    except ValueError:
        raise _bad(f"{name} must be a valid ISO 8601 date.") from None


def _count(query: Mapping[str, str], name: str, usual: int, low: int, high: int) -> int:
    text = query.get(name, str(usual))
    if not text.isdecimal() or not low <= int(text) <= high:
        raise _bad(f"{name} must be a number from {low} to {high}")
    return int(text)


def _bad(message: str) -> CalcomProblem:
    return CalcomProblem(400, "BadRequestException", message)
