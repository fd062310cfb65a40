"""
Calls that Cal.com gives to another host under a new uid.

A round-robin booking keeps its uid. One of a managed event type is cancelled, and the other host's own event type gets
a booking of the same guest at the same time, with a new uid and a new iCalUID; nothing that Cal.com reports joins them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import permutations
from typing import Final

from common.domain.booking import BookingEvent, BookingKind
from common.domain.guests import Guest
from common.domain.ids import GuestId

TOGETHER_MS: Final = 600_000
"""Cal.com makes the new booking and cancels the old one in one step; so far apart they are reported at most."""

_MAKING: Final = (BookingKind.REQUESTED, BookingKind.CREATED)


def handovers(guests: Sequence[Guest]) -> Iterator[tuple[GuestId, GuestId]]:
    """Pairs: the guest of the new booking, and of the one that it replaced. Without seats, which name their guests."""
    alone = [guest for guest in guests if guest.seat is None]
    for new, old in permutations(alone, 2):
        if _guest_and_start(new) == _guest_and_start(old) and _is_handover(new, old):
            yield new.id, old.id


def _is_handover(new: Guest, old: Guest) -> bool:
    """
    The new booking was made when the old one was cancelled; or all that is reported of it is that it has another host,
    so that it was made for that.
    """
    made, decided = _made(new), max(old.deciding, key=_time)
    if made is None or min(event.event_ms for event in old.deciding) >= made.event_ms or decided.request_reschedule:
        return False
    if made.kind is BookingKind.REASSIGNED and decided.event_ms <= made.event_ms + TOGETHER_MS:
        return True
    return decided.kind is BookingKind.CANCELLED and abs(decided.event_ms - made.event_ms) <= TOGETHER_MS


def _made(guest: Guest) -> BookingEvent | None:
    """The event by which this booking came to be; None: by a move, which names the booking before, or nobody knows."""
    if any(event.kind is BookingKind.RESCHEDULED or event.reschedule_uid for event in guest.events):
        return None
    made = [event for event in guest.events if event.kind in _MAKING]
    reassigned = [event for event in guest.deciding if event.kind is BookingKind.REASSIGNED]
    return min(made or reassigned, key=_time, default=None)


def _guest_and_start(guest: Guest) -> tuple[str | None, int | None]:
    """As reported last; unequal to any other where it is not known."""
    newest_first = sorted(guest.deciding + list(guest.events), key=_time, reverse=True)
    email = next((event.email for event in newest_first if event.email and event.kind is not BookingKind.NO_SHOW), None)
    start_ms = next((event.start_ms for event in newest_first if event.start_ms is not None), None)
    return (email, start_ms) if email and start_ms is not None else (guest.id, None)


def _time(event: BookingEvent) -> tuple[int, str]:
    return event.event_ms, event.digest()
