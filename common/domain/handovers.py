"""
Handovers: calls that move to another host under a new uid.

When the host changes, a round-robin booking keeps its uid. A booking of a managed event type is cancelled instead, and
the other host's event type gets a booking of the same guest at the same time, with a new uid and a new iCalUID. Nothing
that Cal.com reports connects the two.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import permutations
from typing import Final

from common.domain.booking import BookingEvent, BookingKind
from common.domain.guests import Guest
from common.domain.ids import GuestId

TOGETHER_MS: Final = 600_000
"""
The longest time between the events of the new booking and of the old one's cancellation. Cal.com does both in one step.
"""

_CREATION_KINDS: Final = (BookingKind.REQUESTED, BookingKind.CREATED)


def handovers(guests: Sequence[Guest]) -> Iterator[tuple[GuestId, GuestId]]:
    """Yield pairs: the guest of the new booking and the guest of the booking it replaced. Skips bookings with seats."""
    alone = [guest for guest in guests if guest.seat is None]
    for new, old in permutations(alone, 2):
        if _guest_and_start(new) == _guest_and_start(old) and _is_handover(new, old):
            yield new.id, old.id


def _is_handover(new: Guest, old: Guest) -> bool:
    """
    Whether the new booking was made when the old one was cancelled, or is known only from a report of its new host:
    then it was made for the handover.
    """
    made, decided = _creation_event(new), max(old.deciding, key=_time)
    if made is None or min(event.event_ms for event in old.deciding) >= made.event_ms or decided.request_reschedule:
        return False
    if made.kind is BookingKind.REASSIGNED and decided.event_ms <= made.event_ms + TOGETHER_MS:
        return True
    return decided.kind is BookingKind.CANCELLED and abs(decided.event_ms - made.event_ms) <= TOGETHER_MS


def _creation_event(guest: Guest) -> BookingEvent | None:
    """Return the event that created this booking; None if it is unknown, or a move, which names the old booking."""
    if any(event.kind is BookingKind.RESCHEDULED or event.reschedule_uid for event in guest.events):
        return None
    made = [event for event in guest.events if event.kind in _CREATION_KINDS]
    reassigned = [event for event in guest.deciding if event.kind is BookingKind.REASSIGNED]
    return min(made or reassigned, key=_time, default=None)


def _guest_and_start(guest: Guest) -> tuple[str | None, int | None]:
    """Return address and start as last reported. If one is unknown, the result differs from every other guest's."""
    newest_first = sorted(guest.deciding + list(guest.events), key=_time, reverse=True)
    email = next((event.email for event in newest_first if event.email and event.kind is not BookingKind.NO_SHOW), None)
    start_ms = next((event.start_ms for event in newest_first if event.start_ms is not None), None)
    return (email, start_ms) if email and start_ms is not None else (guest.id, None)


def _time(event: BookingEvent) -> tuple[int, str]:
    return event.event_ms, event.digest()
