"""What simulated contacts do with their calls: book, move, cancel, miss and hold them, and answer STOP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from common.domain.booking import BookingEvent, BookingKind
from common.domain.cadence import Pace
from common.domain.contact import Assessment, SmsConsent
from services.simulation.engine import MEETING_MS

HOUR_MS = 3_600_000
HOST = "host@example.com"


@dataclass(frozen=True, slots=True)
class Stop:
    """A phone answers STOP."""

    number: str


CallEvent = BookingEvent | Stop


def phone_of(number: int) -> str:
    """Return the mobile number of this person."""
    return f"+1416{201 + number // 10_000}{number % 10_000:04}"


def with_consent(person: Assessment, phone: str, draw: Random) -> Assessment:
    """Return the person as they sign up: some give a phone number, and some say yes or no to SMS."""
    said = draw.choice((None, None, True, True, False))
    consent = None if said is None else SmsConsent(is_given=said, source="signup")
    return replace(person, phone=phone if draw.random() < 0.8 else None, sms_consent=consent)


@dataclass(slots=True, kw_only=True)
class SimulatedContact:
    """
    One contact after the signup. Each of the methods `_hold`, `_miss` … is one way in which their calls may go.

    `now_ms`: the contact's own clock, which each event advances. `phone`: some give it when booking, for reminders by
    SMS.
    """

    person: Assessment
    number: int
    now_ms: int
    phone: str
    timezone: str | None
    draw: Random
    pace: Pace

    def events(self) -> Iterator[tuple[int, CallEvent]]:
        """Yield what Cal.com reports and phones answer, with the time, ordered by time; some events come twice."""
        reported = sorted(self._everything(), key=lambda one: one[0])
        for at_ms, event in reported:
            yield at_ms, event
            if isinstance(event, BookingEvent) and self.draw.random() < 0.1:
                yield at_ms, event

    def _everything(self) -> Iterator[tuple[int, CallEvent]]:
        call = self._booked("A")
        yield self.now_ms, call
        assert call.start_ms is not None
        if self.draw.random() < 0.1:
            yield self._between(self.now_ms, call.start_ms), Stop(self.phone)
        way: Callable[[BookingEvent], Iterator[tuple[int, CallEvent]]] = self.draw.choice(
            (
                self._hold,
                self._hold,
                self._miss,
                self._miss_and_be_excused,
                self._meet_no_host,
                self._cancel,
                self._cancel_and_book_again,
                self._move_and_hold,
                self._move_twice,
                self._miss_and_move,
                self._miss_and_book_again,
            )
        )
        yield from way(call)

    def _hold(self, call: BookingEvent) -> Iterator[tuple[int, CallEvent]]:
        yield self._at_end(call), self._event(call, BookingKind.ENDED)

    def _miss(self, call: BookingEvent) -> Iterator[tuple[int, CallEvent]]:
        yield from self._hold(call)
        yield self._later(0, 1), self._mark(call, self.person.email)

    def _miss_and_be_excused(self, call: BookingEvent) -> Iterator[tuple[int, CallEvent]]:
        yield from self._miss(call)
        yield self._later(0.1, 1.5), self._mark(call, self.person.email, is_absent=False)

    def _meet_no_host(self, call: BookingEvent) -> Iterator[tuple[int, CallEvent]]:
        yield from self._hold(call)
        yield self._later(0, 1), self._mark(call, HOST)

    def _cancel(self, call: BookingEvent) -> Iterator[tuple[int, CallEvent]]:
        assert call.start_ms is not None
        self.now_ms = self._between(self.now_ms, call.start_ms)
        cancelled = self._event(call, BookingKind.CANCELLED, email=None, start_ms=None, end_ms=None)
        yield self.now_ms, replace(cancelled, request_reschedule=self.draw.random() < 0.3)

    def _cancel_and_book_again(self, call: BookingEvent) -> Iterator[tuple[int, CallEvent]]:
        yield from self._cancel(call)
        yield from self._book_again(1, 24)

    def _move_and_hold(self, call: BookingEvent) -> Iterator[tuple[int, CallEvent]]:
        later = self._moved(call, "B")
        yield self.now_ms, later
        yield from self._hold(later)

    def _move_twice(self, call: BookingEvent) -> Iterator[tuple[int, CallEvent]]:
        for uid in "BC":
            call = self._moved(call, uid)
            yield self.now_ms, call
        yield from self._hold(call)

    def _miss_and_move(self, call: BookingEvent) -> Iterator[tuple[int, CallEvent]]:
        yield from self._miss(call)
        self._later(0.5, 30)
        later = self._moved(call, "B")
        yield self.now_ms, later
        yield from self._miss(later)

    def _miss_and_book_again(self, call: BookingEvent) -> Iterator[tuple[int, CallEvent]]:
        yield from self._miss(call)
        yield from self._book_again(0.1, 1)

    def _book_again(self, from_h: float, to_h: float) -> Iterator[tuple[int, CallEvent]]:
        self._later(from_h, to_h)
        again = self._booked("again")
        yield self.now_ms, again
        yield from self._hold(again)

    def _booked(self, uid: str, **more: Any) -> BookingEvent:
        start_ms = self.now_ms + self._hours(1, 192)
        known: dict[str, Any] = {
            "kind": BookingKind.CREATED,
            "uid": f"{uid}{self.number}",
            "event_ms": self.now_ms,
            "received_ms": self.now_ms,
            "start_ms": start_ms,
            "end_ms": start_ms + self.pace.divided(MEETING_MS),
            "email": self.person.email,
            "first_name": self.person.first_name,
            "timezone": self.timezone,
            "title": "Strategy Call",
            "organizer_email": HOST,
            "sms_number": self.phone if self.draw.random() < 0.5 else None,
        }
        return BookingEvent(**known | more)

    def _moved(self, call: BookingEvent, uid: str) -> BookingEvent:
        """Move the call: before it begins, or later if it was missed."""
        assert call.start_ms is not None
        if self.now_ms < call.start_ms:
            self.now_ms = self._between(self.now_ms, call.start_ms)
        return self._booked(uid, kind=BookingKind.RESCHEDULED, reschedule_uid=call.uid)

    def _mark(self, call: BookingEvent, address: str, *, is_absent: bool = True) -> BookingEvent:
        return self._event(call, BookingKind.NO_SHOW, no_shows=((address, is_absent),))

    def _event(self, call: BookingEvent, kind: BookingKind, **more: Any) -> BookingEvent:
        known: dict[str, Any] = {
            "kind": kind,
            "event_ms": self.now_ms,
            "received_ms": self.now_ms,
            "reschedule_uid": None,
        }
        return replace(call, **known | more)

    def _at_end(self, call: BookingEvent) -> int:
        assert call.end_ms is not None
        self.now_ms = call.end_ms
        return self.now_ms

    def _later(self, from_h: float, to_h: float) -> int:
        self.now_ms += self._hours(from_h, to_h)
        return self.now_ms

    def _between(self, from_ms: int, to_ms: int) -> int:
        return self.draw.randrange(from_ms, max(to_ms, from_ms + 1))

    def _hours(self, from_h: float, to_h: float) -> int:
        return self.pace.divided(self.draw.randrange(round(from_h * HOUR_MS), round(to_h * HOUR_MS)))
