"""Whatever workers, clock, provider and Cal.com do: each reminder is sent at most once and gets a final status."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.domain.booking import BookingEvent, BookingKind
from common.domain.cadence import Cadence
from common.domain.delivery import DeliveryStatus
from common.domain.ids import booking_id, enrollment_id, reminder_delivery_id
from common.domain.reminders import ReminderRules, reminders_of
from common.domain.series import Booking, BookingState, resolve
from common.ledger import keys
from common.ledger.booking_outcome import BookingOutcome
from common.ledger.deliveries import ClaimGranted
from common.ledger.ledger import Ledger
from common.store.clients import connect_async
from tests.ledger.play import MINUTE_MS, NOW_MS, WORKERS, Play
from tests.ledger_reads import record_of

START_MS = NOW_MS + 3 * MINUTE_MS
RULES = ReminderRules(before_ms=(("3", 3 * MINUTE_MS), ("1", MINUTE_MS)), minimum_notice_ms=MINUTE_MS)
BORIS = "boris@example.org"
JOBS = [
    reminder_delivery_id(booking_id(uid), start_ms=START_MS + later, name=name)
    for uid, later in (("A", 0), ("B", 5 * MINUTE_MS))
    for name in ("3", "1")
]
MOVES = (
    [("look", uid) for uid in "AB"]
    + [("tell", kind) for kind in ("created", "moved", "asked", "cancelled A", "cancelled B", "confirmed")]
    + [("tries", worker, job) for worker in WORKERS for job in (0, 0, 1, 2, 3)]
    + [("claim", worker, job) for worker in WORKERS for job in range(4)]
    + [("freeze", worker, job) for worker in WORKERS for job in range(4)]
    + [
        ("settle", worker, job, outcome)
        for worker in WORKERS
        for job in range(4)
        for outcome in ("accepted", "retry", "dead")
    ]
    + [("die", worker) for worker in WORKERS for _ in range(3)]
    + [("live", worker) for worker in WORKERS]
    + [("pass", seconds) for seconds in (1, 30, 61, 121)]
    + [("sweep",), ("replay", 0), ("replay", 2), ("unsubscribe",)]
)


class CallsPlay(Play):
    """Boris's call with its reminders, and the reminders of the hour to which the call is moved."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger, JOBS)
        self.bookings = ledger.bookings
        self.reported = 0

    async def tell(self, what: str) -> None:
        created = BookingEvent(
            kind=BookingKind.CREATED,
            uid="A",
            event_ms=self.now_ms,
            received_ms=self.now_ms,
            start_ms=START_MS,
            end_ms=START_MS + MINUTE_MS,
            email=BORIS,
        )
        second = replace(created, uid="B", start_ms=START_MS + 5 * MINUTE_MS)
        event = {
            "created": created,
            "moved": replace(second, kind=BookingKind.RESCHEDULED, reschedule_uid="A"),
            "asked": replace(second, kind=BookingKind.REQUESTED, reschedule_uid="A"),
            "confirmed": second,
            "cancelled A": replace(created, kind=BookingKind.CANCELLED, email=None, start_ms=None),
            "cancelled B": replace(second, kind=BookingKind.CANCELLED, email=None, start_ms=None),
        }[what]
        self.reported += 1
        await self.bookings.accept(event, webhook_id=f"calcom:{self.reported}")

    async def look(self, uid: str) -> None:
        gathered = await self.bookings.gather(booking_id(uid))
        resolved = resolve(gathered.events, gathered.first_guests)
        found = await self.ledger.mailboxes.find_all(booking.email for booking in resolved if booking.email)
        people = [*dict.fromkeys([*gathered.contacts, *found.values()])]
        outcome = BookingOutcome(
            gathered=gathered,
            bookings=[(booking, reminders_of(booking, RULES)) for booking in resolved],
            nurture=[(one, "leave") for one in await self.bookings.contacts(people)],
        )
        assert await self.bookings.write(outcome, now_ms=self.now_ms)

    async def on_handed_over(self, claim: ClaimGranted) -> None:
        assert isinstance(claim.owner, Booking)
        assert self.now_ms < claim.owner.start_ms, "a mail left after the meeting began"
        known = resolve((await self.bookings.gather(booking_id("A"))).events)
        looked = not await self.ledger.client.zcard(keys.BOOKINGS)
        state = {booking.uid: booking.state for booking in known}.get(claim.owner.uid)
        assert not looked or state in (None, BookingState.BOOKED), "a mail left for a call that does not stand"

    async def unsubscribe(self) -> None:
        self.left = True
        who = enrollment_id("c", BORIS)
        await self.ledger.enrollments.unsubscribe(
            who, address_hash=self.ledger.store.address_hash(BORIS), now_ms=self.now_ms
        )

    async def check(self) -> None:
        """Check that after the meetings every reminder has a final status, nothing waits and the counts add up."""
        self.each_is_handed_over_with_the_same_bytes()
        self.now_ms = START_MS + 100 * MINUTE_MS
        for worker in WORKERS:
            await self.die(worker)
        await self.live("w1")
        for uid in "AB":
            await self.look(uid)
        for job in JOBS:
            answer = await self.ledger.deliveries.claim(job, worker="w1", now_ms=self.now_ms)
            assert not isinstance(answer, ClaimGranted)
        final_statuses = []
        for job in JOBS:
            known = await record_of(self.ledger, job)
            final_statuses += [known.status] if known else []
        assert DeliveryStatus.PLANNED not in final_statuses
        assert await self.ledger.client.zcard(keys.OPEN) == 0
        counted = await self.ledger.client.hgetall(keys.COUNTS)
        assert {
            f"delivery:{name}".encode(): str(final_statuses.count(name)).encode() for name in set(final_statuses)
        } == {name: count for name, count in counted.items() if name.startswith(b"delivery:") and int(count)}


@pytest.mark.timeout(120)
@settings(max_examples=120)
@given(st.lists(st.sampled_from(MOVES), min_size=10, max_size=60))
def test_no_reminder_is_sent_twice_late_or_for_a_cancelled_call_in_any_order_of_events(store_url, moves):
    async def play() -> None:
        client = connect_async(store_url)
        try:
            game = CallsPlay(Ledger(client, campaign="c", cadence=Cadence((0,), 1), secret_key="k" * 32))
            await game.begin()
            await game.tell("created")
            await game.look("A")
            for move in moves:
                await game.move(move)
            await game.check()
        finally:
            await client.aclose()

    asyncio.run(play())
