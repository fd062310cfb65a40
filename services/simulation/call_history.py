"""What Cal.com reported about the calls of a simulation, read independently of the ledger's rules."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from common.domain.booking import BookingEvent, BookingKind
from common.domain.ids import booking_id

_BOOKS = (BookingKind.CREATED, BookingKind.RESCHEDULED)


@dataclass(frozen=True, slots=True)
class CallHistory:
    """
    One booking. `events`: those about it. `moved_ms`: when it was moved to another booking; None: never.

    `chain`: the uid of the first booking of the chain that its moves make.
    """

    events: Sequence[BookingEvent]
    moved_ms: int | None
    chain: str

    @property
    def address(self) -> str:
        return next(event.email for event in self.events if event.email)

    @property
    def booked(self) -> BookingEvent:
        return next(event for event in self.events if event.kind in _BOOKS)

    @property
    def cancelled_ms(self) -> int | None:
        return self._first(BookingKind.CANCELLED)

    @property
    def is_called_off(self) -> bool:
        """Whether it was cancelled, and not by a host who asks for another time."""
        return any(event.kind is BookingKind.CANCELLED and not event.request_reschedule for event in self.events)

    @property
    def ended_ms(self) -> int | None:
        return self._first(BookingKind.ENDED)

    def is_booked(self, at_ms: int) -> bool:
        """Return whether it was neither moved nor cancelled by then."""
        return all(one is None or at_ms <= one for one in (self.moved_ms, self.cancelled_ms))

    def absent(self, at_ms: int) -> dict[str, int]:
        """Return who is marked absent at that time: address → since when, ms."""
        found: dict[str, int] = {}
        for event in self.events:
            for address, is_absent in event.no_shows if event.received_ms <= at_ms else ():
                if is_absent:
                    found.setdefault(address, event.received_ms)
                else:
                    found.pop(address, None)
        return found

    def _first(self, kind: BookingKind) -> int | None:
        return next((event.received_ms for event in self.events if event.kind is kind), None)


def histories(reported: Sequence[BookingEvent]) -> dict[str, CallHistory]:
    """Return the history of each booking, by booking id. `reported`: ordered by time."""
    events: dict[str, list[BookingEvent]] = defaultdict(list)
    moved_ms: dict[str, int] = {}
    before: dict[str, str] = {}
    for event in reported:
        events[event.uid].append(event)
        if event.reschedule_uid is not None:
            moved_ms.setdefault(event.reschedule_uid, event.received_ms)
            before[event.uid] = event.reschedule_uid
    return {
        booking_id(uid): CallHistory(some, moved_ms.get(uid), _first_of(uid, before)) for uid, some in events.items()
    }


def _first_of(uid: str, before: Mapping[str, str]) -> str:
    while uid in before:
        uid = before[uid]
    return uid
