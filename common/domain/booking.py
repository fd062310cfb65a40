"""What Cal.com tells of a booking: events, whatever their order; `series.py` says what they amount to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any


class BookingKind(StrEnum):
    """What happened. The first five decide where a booking stands; the last two say how its meeting went."""

    REQUESTED = "requested"
    """It awaits the host's confirmation."""
    CREATED = "created"
    RESCHEDULED = "rescheduled"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    NO_SHOW = "no_show"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingEvent:
    """
    One event about one booking. None: not told.

    `uid`: the booking it is about; of a rescheduled one the new booking, and `reschedule_uid` names the one before.
    `ical_uid`: the same for all bookings of a series, where told. `sequence`: iCalendar's count of changes.
    `event_ms`: when it happened by Cal.com's clock (`createdAt`), else its arrival; of a flat MEETING_ENDED always the
    arrival, since its `createdAt` is the booking's. `received_ms`: its arrival at the gateway. `start_ms`, `end_ms`:
    the meeting's. `email`: the first attendee's, trimmed and lower-cased. `timezone`: theirs, an IANA name.
    `request_reschedule`: cancelled by the host, who asks for another time. `no_shows`: for NO_SHOW, each attendee whose
    mark was set or taken back. `event_type`: its id or slug.
    """

    kind: BookingKind
    uid: str
    event_ms: int
    received_ms: int
    reschedule_uid: str | None = None
    ical_uid: str | None = None
    sequence: int | None = None
    start_ms: int | None = None
    end_ms: int | None = None
    email: str | None = None
    first_name: str | None = None
    timezone: str | None = None
    title: str | None = None
    join_url: str | None = None
    organizer: str | None = None
    request_reschedule: bool = False
    no_shows: tuple[tuple[str, bool], ...] = ()
    event_type: str | None = None

    def to_json(self) -> str:
        """What it says, one line; what was not told is absent."""
        # By identity: a sequence of 0 equals False, and is told all the same.
        values = asdict(self).items()
        told = {name: value for name, value in values if value is not None and value is not False and value != ()}
        return json.dumps(told, ensure_ascii=False, separators=(",", ":"), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> BookingEvent:
        """Raises ValueError or TypeError when this is not the text of an event."""
        return cls.from_fields(json.loads(text))

    @classmethod
    def from_fields(cls, told: Mapping[str, Any]) -> BookingEvent:
        """From `dataclasses.asdict`, perhaps by way of JSON. Raises ValueError or TypeError for anything else."""
        known = {field.name for field in fields(cls)}
        if unknown := told.keys() - known:
            raise ValueError(f"a booking event has no {', '.join(sorted(unknown))}")
        marks = tuple((str(address), bool(absent)) for address, absent in told.get("no_shows", ()))
        return cls(**{**told, "kind": BookingKind(told["kind"]), "no_shows": marks})

    def digest(self) -> str:
        """16 hex digits of all that it says but for its arrival: the same event sent twice has the same."""
        text = BookingEvent.from_fields(asdict(self) | {"received_ms": 0}).to_json()
        return hashlib.sha256(text.encode()).hexdigest()[:16]
