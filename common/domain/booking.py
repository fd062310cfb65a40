"""What Cal.com tells of a booking: events, whatever their order; `series.py` says what they amount to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from functools import cache, lru_cache
from typing import Any


class BookingKind(StrEnum):
    """
    What happened.

    The first five decide the state of a booking. NO_SHOW and ENDED say how its meeting went, REASSIGNED and RELOCATED
    who holds it and where. LOST_MOVE: it was moved, but the event does not say to which booking.
    """

    REQUESTED = "requested"
    """It awaits the host's confirmation."""
    CREATED = "created"
    RESCHEDULED = "rescheduled"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    NO_SHOW = "no_show"
    ENDED = "ended"
    REASSIGNED = "reassigned"
    RELOCATED = "relocated"
    LOST_MOVE = "lost_move"


@dataclass(frozen=True, slots=True)
class Attendee:
    """
    One person whom an event names. `email`: trimmed and lower-cased. `locale`: a language tag. `sms_number`: given for
    reminders by SMS.
    """

    email: str
    first_name: str | None = None
    timezone: str | None = None
    locale: str | None = None
    sms_number: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingEvent:
    """
    One event about one booking. None: not reported.

    `uid`: the booking it is about; of a rescheduled one the new booking, and `reschedule_uid` names the one before.
    `ical_uid`: the same for all bookings of a series, where reported. `sequence`: iCalendar's count of changes.
    `event_ms`: when it happened by Cal.com's clock (`createdAt`), else its arrival; of a flat MEETING_ENDED always the
    arrival, since its `createdAt` is the booking's. `received_ms`: its arrival at the gateway. `start_ms`, `end_ms`:
    the meeting's. `email`: the first attendee's, trimmed and lower-cased. `timezone`: theirs, an IANA name;
    `locale`: theirs, a language tag; `sms_number`: the one that they gave for reminders by SMS, as they wrote it.
    `is_seated`: the booking has seats, so that each attendee is a guest of their own; `others`: the attendees with a
    seat whom it names after the first. `organizer_email`: the host's, by which their own absence is recognized.
    `request_reschedule`: cancelled by the host, who asks for another time. `no_shows`: for NO_SHOW, each attendee whose
    mark was set or taken back. `event_type`: its id or slug. `place`: how it takes place where
    that is not by a link, see `normalization/place.py`. `reschedule_url`, `cancel_url`: Cal.com's pages on which
    the guest changes the booking, where it may be changed.
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
    is_seated: bool = False
    others: tuple[Attendee, ...] = ()
    organizer_email: str | None = None
    locale: str | None = None
    sms_number: str | None = None
    place: str | None = None
    reschedule_url: str | None = None
    cancel_url: str | None = None

    @property
    def attendees(self) -> tuple[Attendee, ...]:
        """All whom it names."""
        if self.email is None:
            return self.others
        first = Attendee(self.email, self.first_name, self.timezone, self.locale, self.sms_number)
        return (first, *self.others)

    @property
    def addresses(self) -> list[str]:
        """All that it names, those whose absence was marked too."""
        return [*(attendee.email for attendee in self.attendees), *(address for address, _ in self.no_shows)]

    def without(self, address: str) -> BookingEvent | None:
        """The same without this person; None when no other guest is named, or it was about this person's booking."""
        if not self.is_seated and self.email == address:
            return None
        named = [attendee for attendee in self.attendees if attendee.email != address]
        marks = tuple(mark for mark in self.no_shows if mark[0] != address)
        if not named and not marks:
            return None
        return replace(self._naming(*named), no_shows=marks)

    def about(self, address: str) -> BookingEvent:
        """The same as it concerns this person: without the names of others."""
        named = [attendee for attendee in self.attendees if attendee.email == address]
        marks = tuple(mark for mark in self.no_shows if mark[0] == address)
        return replace(self._naming(*named), no_shows=marks)

    def _naming(self, *named: Attendee) -> BookingEvent:
        first = named[0] if named else None
        return replace(
            self,
            email=first.email if first else None,
            first_name=first.first_name if first else None,
            timezone=first.timezone if first else None,
            locale=first.locale if first else None,
            sms_number=first.sms_number if first else None,
            others=tuple(named[1:]),
        )

    def to_json(self) -> str:
        """What it says, one line; what was not reported is absent."""
        values = [(name, getattr(self, name)) for name in _names()]
        # By identity: a sequence of 0 equals False, and is reported all the same.
        reported = {name: value for name, value in values if value is not None and value is not False and value != ()}
        if self.others:
            reported["others"] = [{name: text for name, text in asdict(one).items() if text} for one in self.others]
        return json.dumps(reported, ensure_ascii=False, separators=(",", ":"), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> BookingEvent:
        """Raises ValueError or TypeError when this is not the text of an event."""
        return cls.from_fields(json.loads(text))

    @classmethod
    def from_fields(cls, reported: Mapping[str, Any]) -> BookingEvent:
        """From `dataclasses.asdict`, perhaps by way of JSON. Raises ValueError or TypeError for anything else."""
        if unknown := reported.keys() - _names():
            raise ValueError(f"a booking event has no {', '.join(sorted(unknown))}")
        marks = tuple((str(address), bool(absent)) for address, absent in reported.get("no_shows", ()))
        others = tuple(Attendee(**one) for one in reported.get("others", ()))
        return cls(**{**reported, "kind": BookingKind(reported["kind"]), "no_shows": marks, "others": others})

    def digest(self) -> str:
        """16 hex digits of all that it says but for its arrival: the same event sent twice has the same."""
        return _digest(self)


@cache
def _names() -> frozenset[str]:
    return frozenset(field.name for field in fields(BookingEvent))


# Events are sorted by it: resolving a booking asks for that of each event several times.
@lru_cache(maxsize=1_000)
def _digest(event: BookingEvent) -> str:
    return hashlib.sha256(replace(event, received_ms=0).to_json().encode()).hexdigest()[:16]
