"""The bookings. Each is stored as the row that `GET /v2/bookings` lists (`BookingOutput_2024_08_13`)."""

from __future__ import annotations

import json
from typing import Any

from common.clock import iso
from services.sandbox.disk import Disk
from services.sandbox.ids import new_id

HOST = {
    "id": 1,
    "name": "Sarah Host",
    "email": "host@advent.example",
    "username": "host",
    "timeZone": "America/Toronto",
}
MINUTE_MS = 60_000

Row = dict[str, Any]


class Bookings:
    """The bookings, in order of creation."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    def all(self) -> list[Row]:
        return [json.loads(row["body"]) for row in self._disk.rows("SELECT body FROM calcom_bookings ORDER BY seq")]

    def get(self, uid: str) -> Row | None:
        found = self._disk.row("SELECT body FROM calcom_bookings WHERE uid = ?", uid)
        return None if found is None else json.loads(found["body"])

    def make(self, given: Row, *, start_ms: int, minutes: float, now_ms: int) -> Row:
        """Create a booking. `given`: members of the row to set; the others get typical values."""
        uid = str(given.get("uid") or new_id().replace("-", "")[:22])
        row = {
            "id": len(self.all()) + 1,
            "uid": uid,
            "title": "Strategy Call between Sarah Host and a guest",
            "description": "",
            "hosts": [HOST],
            "status": "accepted",
            "start": iso(start_ms),
            "end": iso(start_ms + round(minutes * MINUTE_MS)),
            "duration": minutes,
            "eventTypeId": 123,
            "eventType": {"id": 123, "slug": "strategy-call"},
            "meetingUrl": f"https://app.cal.com/video/{uid}",
            "location": f"https://app.cal.com/video/{uid}",
            "absentHost": False,
            "createdAt": iso(now_ms),
            "updatedAt": iso(now_ms),
            "metadata": {},
            "icsUid": f"{uid}@Cal.com",
            "guests": [],
            "bookingFieldsResponses": {},
            **given,
        }
        self._write(row)
        return row

    def move(self, row: Row, *, start_ms: int, now_ms: int) -> Row:
        """Reschedule a booking: cancel it and link it to a new one with the same iCalUID. Return the new booking."""
        minutes = float(row["duration"])
        kept = ("title", "attendees", "eventType", "eventTypeId", "icsUid", "bookingFieldsResponses")
        same = {name: row[name] for name in kept}
        status = "accepted" if row["status"] == "cancelled" else row["status"]
        link = {"rescheduledFromUid": row["uid"], "status": status}
        new = self.make({**same, **link}, start_ms=start_ms, minutes=minutes, now_ms=now_ms)
        self.change(row, {"status": "cancelled", "rescheduledToUid": new["uid"]}, now_ms=now_ms)
        return new

    def change(self, row: Row, changes: Row, *, now_ms: int | None) -> Row:
        """Change a booking. `now_ms`: None for a change that leaves `updatedAt` as it is, such as an absence."""
        stamp = {} if now_ms is None else {"updatedAt": iso(now_ms)}
        changed = {**row, **changes, **stamp}
        self._write(changed)
        return changed

    def _write(self, row: Row) -> None:
        sql = (
            "INSERT INTO calcom_bookings (uid, body) VALUES (?, ?) ON CONFLICT (uid) DO UPDATE SET body = excluded.body"
        )
        self._disk.run(sql, row["uid"], json.dumps(row))


def minutes_of(row: Row) -> int:
    """Return the duration in whole minutes, as webhooks contain it; at least 1."""
    return max(1, round(float(row["duration"])))
