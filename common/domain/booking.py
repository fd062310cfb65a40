"""Events that Cal.com reports about a booking, in any order; `series.py` computes the booking's state from them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from functools import cache, lru_cache
from typing import Any


class BookingKind(StrEnum):
    """
    What happened to a booking.

    The first five decide its state. NO_SHOW and ENDED say how the meeting went; REASSIGNED and RELOCATED change its
    host and its place. LOST_MOVE: the booking was moved, but the event does not say to which booking.
    """

    REQUESTED = "requested"
    """The booking awaits the host's confirmation."""
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
    A person named in an event. `email`: trimmed and lower-cased. `locale`: a language tag. `sms_number`: the number
    that they gave for reminders by SMS.
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

    `uid`: the booking that the event is about; after a reschedule, the new booking. `reschedule_uid`: the booking
    before the reschedule. `ical_uid`: the same for all bookings of a series. `sequence`: iCalendar's count of changes.
    `event_ms`: when it happened by Cal.com's clock (`createdAt`), or its arrival if that is missing; always the
    arrival for a flat MEETING_ENDED, whose `createdAt` is the booking's. `received_ms`: its arrival at the gateway.
    `start_ms`, `end_ms`: start and end of the meeting.

    About the first attendee: `email`, trimmed and lower-cased; `timezone`, an IANA name; `locale`, a language tag;
    `sms_number`, given for reminders by SMS, as they wrote it. `is_seated`: the booking has seats, so each attendee is
    a guest with a state of their own; `others`: the attendees with a seat, without the first.

    `organizer_email`: the host's address; a no-show mark with it means that the host was absent.
    `request_reschedule`: the host cancelled and asks for another time. `no_shows`: for NO_SHOW, pairs of an attendee's
    address and whether they are marked absent (False: the mark was withdrawn). `event_type`: the event type's id or
    slug. `place`: where the meeting takes place if not at a link, see `normalization/place.py`. `reschedule_url`,
    `cancel_url`: the Cal.com pages on which the guest can change the booking.
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
        """All attendees named in the event."""
        if self.email is None:
            return self.others
        first = Attendee(self.email, self.first_name, self.timezone, self.locale, self.sms_number)
        return (first, *self.others)

    @property
    def addresses(self) -> list[str]:
        """All addresses in the event: its attendees and everyone with a no-show mark."""
        return [*(attendee.email for attendee in self.attendees), *(address for address, _ in self.no_shows)]

    def without(self, address: str) -> BookingEvent | None:
        """
        Return the event without this person. Return None when it names nobody else, or when this person is the guest of
        a booking without seats.
        """
        if not self.is_seated and self.email == address:
            return None
        named = [attendee for attendee in self.attendees if attendee.email != address]
        marks = tuple(mark for mark in self.no_shows if mark[0] != address)
        if not named and not marks:
            return None
        return replace(self._naming(*named), no_shows=marks)

    def about(self, address: str, hosts: Collection[str | None] = ()) -> BookingEvent:
        """Return the event with this person's data only, and with the no-show marks of these hosts."""
        named = [attendee for attendee in self.attendees if attendee.email == address]
        marks = tuple(mark for mark in self.no_shows if mark[0] == address or mark[0] in hosts)
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
        """Return the event as one line of JSON, without the fields that were not reported."""
        values = [(name, getattr(self, name)) for name in _names()]
        # `is not False` and not `!= False`: a sequence of 0 equals False, and it must stay.
        reported = {name: value for name, value in values if value is not None and value is not False and value != ()}
        if self.others:
            reported["others"] = [{name: text for name, text in asdict(one).items() if text} for one in self.others]
        return json.dumps(reported, ensure_ascii=False, separators=(",", ":"), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> BookingEvent:
        """Read an event from `to_json`. Raises ValueError or TypeError if the text is not one."""
        return cls.from_fields(json.loads(text))

    @classmethod
    def from_fields(cls, reported: Mapping[str, Any]) -> BookingEvent:
        """
        Read an event from the output of `dataclasses.asdict`, also after a round trip through JSON. Raises ValueError
        or TypeError for anything else.
        """
        if unknown := reported.keys() - _names():
            raise ValueError(f"a booking event has no {', '.join(sorted(unknown))}")
        marks = tuple((str(address), bool(absent)) for address, absent in reported.get("no_shows", ()))
        others = tuple(Attendee(**one) for one in reported.get("others", ()))
        return cls(**{**reported, "kind": BookingKind(reported["kind"]), "no_shows": marks, "others": others})

    def digest(self) -> str:
        """Return 16 hex digits of all fields except the arrival, so an event that is sent twice has one digest."""
        return _digest(self)


@cache
def _names() -> frozenset[str]:
    return frozenset(field.name for field in fields(BookingEvent))


# Cached because events are sorted by digest: resolving a booking needs each event's digest several times.
@lru_cache(maxsize=1_000)
def _digest(event: BookingEvent) -> str:
    return hashlib.sha256(replace(event, received_ms=0).to_json().encode()).hexdigest()[:16]
