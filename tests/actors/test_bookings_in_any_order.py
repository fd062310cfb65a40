"""In any order of a call's events, no reminder names an hour that is known to be old."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import redis.asyncio

from common.campaigns.loader import Campaign
from common.clock import VirtualClock
from common.domain.booking import BookingEvent, BookingKind
from common.domain.ids import booking_id
from common.settings.settings import Settings
from services.simulation.engine import MEETING_MS, Simulation

HOUR_MS = 3_600_000
BORIS = "boris@example.org"
EVERY_MS = 20 * HOUR_MS
"""Time between two events: reminders fall due in between. Cal.com itself repeats nothing after an hour."""


def reported(now_ms: int) -> dict[str, BookingEvent]:
    """
    Return the events of a call that is booked, moved twice, given to another host and cancelled, as Cal.com reports it.
    """
    starts = {"A": now_ms + 110 * HOUR_MS, "B": now_ms + 90 * HOUR_MS, "C": now_ms + 130 * HOUR_MS}

    def event(kind: BookingKind, uid: str, number: int, **more: object) -> BookingEvent:
        known = {"start_ms": starts[uid], "end_ms": starts[uid] + MEETING_MS, "email": BORIS, "received_ms": now_ms}
        return BookingEvent(kind=kind, uid=uid, event_ms=now_ms + number, sequence=None, **known | more)

    return {
        "created": event(BookingKind.CREATED, "A", 0),
        "moved": event(BookingKind.RESCHEDULED, "B", 1, reschedule_uid="A"),
        "moved again": event(BookingKind.RESCHEDULED, "C", 2, reschedule_uid="B"),
        "reassigned": event(BookingKind.REASSIGNED, "C", 3, organizer="Nina"),
        "cancelled": event(BookingKind.CANCELLED, "C", 4),
    }


def current(known: set[str]) -> set[str]:
    """Return the uids of the bookings that a reminder may be about, by what was reported so far."""
    found = {"A"} if "created" in known and "moved" not in known else set()
    if "moved" in known and "moved again" not in known:
        found.add("B")
    if known & {"moved again", "reassigned"} and "cancelled" not in known:
        found.add("C")
    return found


async def test_no_reminder_names_an_old_hour_or_follows_the_start_in_any_order_of_events(
    store: redis.asyncio.Redis, campaign: Campaign
) -> None:
    settings = Settings(secret_key="k" * 32, sandboxed=frozenset({"resend", "notion"}))
    names = {str(booking_id(uid)): uid for uid in "ABC"}
    number = 0
    for order in permutations(reported(0)):
        await store.flushall()
        simulation = Simulation(store, campaign, settings, clock=VirtualClock())
        events, arrivals = reported(simulation.clock.now_ms()), []
        for name in (*order, order[0], order[2]):
            now_ms = simulation.clock.now_ms()
            arrivals.append((now_ms, name))
            await simulation.receive(replace(events[name], received_ms=now_ms))
            await simulation.run(until_ms=now_ms + (EVERY_MS if len(arrivals) <= len(order) else 0))
        await simulation.run()

        times = {id(mail): ms for ms, mail in simulation.mailer.accepted_mails}
        for key, mails in simulation.mailer.accepted_by_key.items():
            if "/no_show/" in key or "/completed/" in key or "/cancelled/" in key:
                continue
            _, booking, start_ms, _ = key.split("/")
            [mail] = mails
            at_ms = times[id(mail)]
            known = {name for ms, name in arrivals if ms <= at_ms}
            assert names[booking] in current(known), (order, key)
            assert at_ms < int(start_ms), (order, key)
            number += 1
    assert number > 100, "reminders fell due between the events"
