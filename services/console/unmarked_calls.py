"""
Calls that are over and that nobody has marked: the effect that a mark would have, and setting it.

Pages and the API use the same functions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from common.domain.booking import BookingEvent
from common.domain.delivery import Trigger, delivery_of
from common.domain.follow_ups import follow_ups_of
from common.domain.guests import events_about
from common.domain.ids import booking_of
from common.domain.series import Booking, resolve
from common.ledger.booking_outcome import Gathered
from common.ledger.unmarked_calls import MARKS, Mark, UnmarkedCall
from services.console.acting import record_action
from services.console.context import ConsoleContext
from services.console.formatting import ago, moment

NOT_THANKED = "No follow-up is sent: it is too late for a thank-you."
_UNLESS = "unless this person has left, booked again, or got another follow-up of this call"
READ_AT_ONCE: Final = 20
"""Calls whose effects are read at the same time, each over its own connection."""
Answer = Literal["completed", "no-show", "before", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownCall:
    """A call with `effects`: what each mark would cause, in words."""

    call: UnmarkedCall
    effects: dict[Mark, str]


def parse_mark(text: str) -> Mark | None:
    return next((mark for mark in MARKS if mark == text), None)


async def show_calls(context: ConsoleContext, calls: Sequence[UnmarkedCall]) -> list[ShownCall]:
    """Return the calls with their effects, in the same order."""
    shown: list[ShownCall] = []
    for first in range(0, len(calls), READ_AT_ONCE):
        shown += await asyncio.gather(*(show_call(context, one) for one in calls[first : first + READ_AT_ONCE]))
    return shown


async def show_call(context: ConsoleContext, call: UnmarkedCall) -> ShownCall:
    return ShownCall(call=call, effects={"completed": NOT_THANKED, "no-show": await _no_show_effect(context, call)})


async def mark_call(context: ConsoleContext, guest: str, mark: Mark) -> Answer:
    """Set a mark and return it; `before`: the call was marked already; `unknown`: no such call is unmarked."""
    calls = context.ledger.unmarked_calls
    call = await calls.get(guest)
    if call is None:
        return "unknown"
    if not await calls.mark(call, mark, now_ms=context.clock.now_ms()):
        return "before"
    await record_action(context, "bookings mark", [call.contact], before="unmarked", after=mark)
    return mark


async def _no_show_effect(context: ConsoleContext, call: UnmarkedCall) -> str:
    gathered = await context.ledger.bookings.gather(booking_of(call.id))
    campaign = context.running_campaign(gathered.campaign or context.ledger.campaign)
    if campaign is None:
        return f"What follows depends on {gathered.campaign}, which does not run here."
    if call.booking.email and await context.ledger.suppressions.of(call.booking.email):
        return "No follow-up is sent: the address is suppressed."
    now_ms = context.clock.now_ms()
    missed, events = _as_missed(call, gathered, now_ms)
    found = follow_ups_of(missed, events, campaign.follow_up_rules(context.settings.pace), now_ms=now_ms)
    of_no_show = [one for one in found if delivery_of(one.id).trigger is Trigger.NO_SHOW]
    if not of_no_show:
        return f"No follow-up is sent: {campaign.name} has none for a missed call."
    planned = [
        f"{delivery_of(one.id).label} at {moment(one.due_ms, now_ms)} UTC ({ago(one.due_ms, now_ms)})"
        for one in of_no_show
        if one.skip_reason is None
    ]
    if not planned:
        return f"No follow-up is sent: {of_no_show[0].skip_reason}."
    return f"Planned: {', '.join(planned)}, {_UNLESS}."


def _as_missed(call: UnmarkedCall, gathered: Gathered, now_ms: int) -> tuple[Booking, list[BookingEvent]]:
    """Return the booking as it would be after the mark `no-show`, and the events about it."""
    events = [*gathered.events, call.marked("no-show", now_ms=now_ms)]
    booking = next((one for one in resolve(events, gathered.first_guests) if one.id == call.id), call.booking)
    own = [event for event in events if event.uid == booking.uid]
    return booking, [*events_about(booking.email or "", own)]
