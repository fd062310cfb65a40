"""The guarantees of reminders and holds, on a real store."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from common.clock import VirtualClock
from common.domain.booking import BookingEvent, BookingKind
from common.domain.delivery import DeliveryStatus
from common.domain.ids import DeliveryId, booking_id, enrollment_id, reminder_delivery_id, step_delivery_id
from common.domain.reminders import ReminderRules, reminders_of
from common.domain.series import resolve
from common.ledger import keys
from common.ledger.booking_outcome import BookingOutcome, Gathered
from common.ledger.bookings import Bookings
from common.ledger.deliveries import ClaimGranted
from common.ledger.ledger import Ledger
from tests.ledger_reads import record_of

HOUR_MS = 3_600_000
BORIS = "boris@example.org"
WHO = enrollment_id("christmas_2025", BORIS)
RULES = ReminderRules(before_ms=(("24h", 24 * HOUR_MS), ("2h", 2 * HOUR_MS)), minimum_notice_ms=2 * HOUR_MS)
A = booking_id("A")


@pytest.fixture
def bookings(ledger: Ledger) -> Bookings:
    return ledger.bookings


def booked(clock: VirtualClock, uid: str = "A", *, in_h: int = 100, **reported) -> BookingEvent:
    now_ms = clock.now_ms()
    start_ms = now_ms + in_h * HOUR_MS
    known = {"start_ms": start_ms, "end_ms": start_ms + HOUR_MS, "email": BORIS}
    return BookingEvent(
        **{"kind": BookingKind.CREATED, "uid": uid, "event_ms": now_ms, "received_ms": now_ms, **known, **reported}
    )


async def outcome_of(bookings: Bookings, gathered: Gathered) -> BookingOutcome:
    """Return the outcome that the actor would decide in a campaign that ignores bookings."""
    resolved = resolve(gathered.events, gathered.first_guests)
    guests = [enrollment_id("christmas_2025", booking.email) for booking in resolved if booking.email]
    people = [*dict.fromkeys([*gathered.contacts, *guests])]
    return BookingOutcome(
        gathered=gathered,
        bookings=[(booking, reminders_of(booking, RULES)) for booking in resolved],
        nurture=[(one, "leave") for one in await bookings.contacts(people)],
    )


async def tell(bookings: Bookings, event: BookingEvent, now_ms: int | None = None) -> None:
    await bookings.accept(event, webhook_id=f"calcom:{event.digest()}")
    outcome = await outcome_of(bookings, await bookings.gather(booking_id(event.uid)))
    assert await bookings.write(outcome, now_ms=now_ms or event.received_ms)


def job(event: BookingEvent, name: str = "24h") -> DeliveryId:
    return reminder_delivery_id(booking_id(event.uid), start_ms=event.start_ms, name=name)


async def go(ledger: Ledger, delivery: DeliveryId, now_ms: int, worker: str = "w1") -> ClaimGranted:
    claim = await ledger.deliveries.claim(delivery, worker=worker, now_ms=now_ms)
    assert isinstance(claim, ClaimGranted), claim
    return claim


async def final_status(ledger: Ledger, delivery: DeliveryId) -> tuple[DeliveryStatus, str]:
    known = await record_of(ledger, delivery)
    assert known
    return known.status, known.detail


async def test_repeated_booking_event_is_stored_once_and_schedules_one_job(bookings, ledger, clock):
    event = booked(clock)
    answers = await asyncio.gather(*(bookings.accept(event, webhook_id="calcom:1") for _ in range(60)))

    assert sum(not answer.repeated for answer in answers) == 1
    assert len({replace(answer, repeated=False) for answer in answers}) == 1
    assert await ledger.client.zcard(keys.delayed("bookings")) == 1
    assert (await bookings.gather(A)).events == (event,)


async def test_series_is_gathered_completely_from_any_of_its_bookings(bookings, clock):
    first = booked(clock, "A")
    third = booked(clock, "C", kind=BookingKind.RESCHEDULED, reschedule_uid="B")
    second = booked(clock, "B", kind=BookingKind.RESCHEDULED, reschedule_uid="A")
    for event in (third, first, second, booked(clock, "elsewhere")):
        await bookings.accept(event, webhook_id=f"calcom:{event.uid}")

    for uid in "ABC":
        assert set((await bookings.gather(booking_id(uid))).events) == {first, second, third}


async def test_recurring_calls_with_one_ical_uid_are_gathered_apart_even_if_linked_in_the_store(
    bookings, ledger, clock
):
    calls = [booked(clock, uid, ical_uid="weekly@Cal.com") for uid in "AB"]
    for event in calls:
        await bookings.accept(event, webhook_id=f"calcom:{event.uid}")
        await ledger.client.sadd(keys.PREFIX + "links:ical_weekly", booking_id(event.uid))
        await ledger.client.sadd(f"{keys.PREFIX}links:{booking_id(event.uid)}", "ical_weekly")

    assert [(await bookings.gather(booking_id(uid))).events for uid in "AB"] == [(call,) for call in calls]


async def test_outcome_decided_on_outdated_booking_events_is_not_written(bookings, ledger, clock):
    event = booked(clock)
    await bookings.accept(event, webhook_id="calcom:1")
    stale = await outcome_of(bookings, await bookings.gather(A))
    await bookings.accept(replace(event, kind=BookingKind.CANCELLED), webhook_id="calcom:2")

    assert not await bookings.write(stale, now_ms=clock.now_ms())
    assert await ledger.client.zcard(keys.delayed("send")) == 0
    assert await bookings.write(await outcome_of(bookings, await bookings.gather(A)), now_ms=clock.now_ms())
    assert await final_status(ledger, job(event)) == (DeliveryStatus.SKIPPED, "cancelled")


async def test_two_calls_of_one_contact_never_overwrite_each_other(bookings, clock):
    for uid in "AB":
        await bookings.accept(booked(clock, uid), webhook_id=f"calcom:{uid}")
    outcomes = [await outcome_of(bookings, await bookings.gather(booking_id(uid))) for uid in "AB"]

    assert await bookings.write(outcomes[0], now_ms=clock.now_ms())
    assert not await bookings.write(outcomes[1], now_ms=clock.now_ms())


async def test_contact_stores_when_a_call_was_cancelled_until_it_is_booked_again(bookings, clock):
    async def kept() -> list[int | None]:
        [contact] = await bookings.contacts([WHO])
        return [call.called_off_ms for call in contact.calls.values()]

    called_off = booked(clock, kind=BookingKind.CANCELLED)
    await tell(bookings, called_off)
    assert await kept() == [clock.now_ms()]

    later_ms = clock.now_ms() + 1_000
    again = replace(called_off, kind=BookingKind.RESCHEDULED, event_ms=later_ms, received_ms=later_ms)
    await tell(bookings, again, later_ms)
    assert await kept() == [None]


async def test_writing_the_same_booking_outcome_again_does_not_change_notion(bookings, ledger, clock):
    await tell(bookings, booked(clock))
    changed = await ledger.mirror.take(worker="w1", now_ms=clock.now_ms())
    await ledger.mirror.record_shown(changed.person, {"contact": "page-1"}, worker="w1", now_ms=clock.now_ms())
    await tell(bookings, booked(clock, title="Strategy Call"))

    assert await ledger.mirror.take(worker="w1", now_ms=clock.now_ms()) is None
    assert await ledger.client.zcard(keys.delayed("send")) == 2


async def test_early_reminder_is_refused_as_not_yet_and_an_unplanned_one_as_unknown(bookings, ledger, clock):
    event = booked(clock)
    await tell(bookings, event)

    early = await ledger.deliveries.claim(job(event), worker="w1", now_ms=clock.now_ms())
    assert (early.reason, early.until_ms) == ("not yet", event.start_ms - 24 * HOUR_MS)
    assert (await ledger.deliveries.claim(job(event, "7h"), worker="w1", now_ms=clock.now_ms())).reason == "unknown"
    assert (
        await ledger.deliveries.claim(job(booked(clock, "X")), worker="w1", now_ms=clock.now_ms())
    ).reason == "unknown"


async def test_freeze_stops_a_claimed_reminder_after_its_call_was_cancelled(bookings, ledger, clock):
    event = booked(clock)
    await tell(bookings, event)
    due_ms = event.start_ms - 24 * HOUR_MS
    claim = await go(ledger, job(event), due_ms)
    await tell(bookings, replace(event, kind=BookingKind.CANCELLED, event_ms=due_ms), due_ms)
    assert (await final_status(ledger, job(event)))[0] is DeliveryStatus.PLANNED
    assert await final_status(ledger, job(event, "2h")) == (DeliveryStatus.SKIPPED, "cancelled")

    no = await ledger.deliveries.freeze(claim, "the bytes", now_ms=due_ms)

    assert (no.reason, no.detail) == ("exited", "cancelled")
    await ledger.deliveries.settle(claim, "skipped", no.detail, now_ms=due_ms)
    assert await final_status(ledger, job(event)) == (DeliveryStatus.SKIPPED, "cancelled")
    assert await ledger.client.zcard(keys.OPEN) == 0


async def test_freeze_stops_a_claimed_reminder_after_the_start_of_its_call_changed(bookings, ledger, clock):
    event = booked(clock)
    await tell(bookings, event)
    due_ms = event.start_ms - 24 * HOUR_MS
    claim = await go(ledger, job(event), due_ms)
    later = replace(event, start_ms=event.start_ms + HOUR_MS, event_ms=due_ms)
    await tell(bookings, later, due_ms)

    no = await ledger.deliveries.freeze(claim, "the bytes", now_ms=due_ms)

    assert (no.reason, no.detail) == ("exited", "moved")
    assert (await final_status(ledger, job(later)))[0] is DeliveryStatus.PLANNED


async def test_reminder_frozen_before_the_cancellation_is_settled_as_accepted(bookings, ledger, clock):
    event = booked(clock)
    await tell(bookings, event)
    due_ms = event.start_ms - 24 * HOUR_MS
    claim = await go(ledger, job(event), due_ms)
    await ledger.deliveries.freeze(claim, "the bytes", now_ms=due_ms)
    await tell(bookings, replace(event, kind=BookingKind.CANCELLED, event_ms=due_ms), due_ms)

    assert await ledger.deliveries.settle(claim, "accepted", "re_1", now_ms=due_ms)
    assert await final_status(ledger, job(event)) == (DeliveryStatus.ACCEPTED, "re_1")


async def test_cancelled_reminder_with_an_unknown_outcome_says_so_and_is_not_planned_again(bookings, ledger, clock):
    event = booked(clock)
    await tell(bookings, event)
    due_ms = event.start_ms - 24 * HOUR_MS
    claim = await go(ledger, job(event), due_ms)
    await ledger.deliveries.freeze(claim, "the bytes", now_ms=due_ms)
    await ledger.deliveries.settle(
        claim, "retry", "timeout", now_ms=due_ms, due_ms=due_ms + 60_000, outcome_unknown=True
    )
    await tell(bookings, replace(event, kind=BookingKind.CANCELLED, event_ms=due_ms), due_ms)
    await tell(bookings, replace(event, event_ms=due_ms + 1), due_ms)

    reason = "cancelled, while the outcome of an earlier attempt was unknown"
    assert await final_status(ledger, job(event)) == (DeliveryStatus.SKIPPED, reason)
    assert (await final_status(ledger, job(event, "2h")))[0] is DeliveryStatus.PLANNED


async def test_reminder_deferred_past_the_start_of_its_call_expires_at_the_start(bookings, ledger, clock):
    event = booked(clock)
    await tell(bookings, event)
    due_ms = event.start_ms - 2 * HOUR_MS
    claim = await go(ledger, job(event, "2h"), due_ms)
    await ledger.deliveries.settle(claim, "defer", "quota", now_ms=due_ms, due_ms=due_ms + 30 * HOUR_MS)

    assert await ledger.client.zscore(keys.delayed("send"), job(event, "2h")) == event.start_ms
    no = await ledger.deliveries.claim(job(event, "2h"), worker="w1", now_ms=event.start_ms)
    assert (no.reason, no.detail) == ("exited", "expired")
    assert await final_status(ledger, job(event, "2h")) == (DeliveryStatus.SKIPPED, "expired")


async def test_a_worker_of_another_campaign_leaves_bookings_and_reminders_alone(bookings, ledger, clock, cadence):
    event = booked(clock)
    await tell(bookings, event)
    other = Ledger(ledger.client, campaign="easter_2026", cadence=cadence, secret_key="s" * 32)
    due_ms = event.start_ms - 24 * HOUR_MS

    held = await other.deliveries.claim(job(event), worker="w1", now_ms=due_ms)

    assert (held.reason, held.detail) == ("held", "campaign christmas_2025 is not served here")
    assert (await other.bookings.gather(A)).campaign == "christmas_2025"


async def test_held_step_leaves_the_schedule_and_returns_with_its_due_time(ledger, ada, clock):
    now = clock.now_ms()
    person = enrollment_id("christmas_2025", ada.email)
    await ledger.signups.accept(ada, webhook_id="signup:1", received_ms=now)
    await ledger.signups.enroll(await ledger.enrollments.get(person), now_ms=now, announce=False)
    first = step_delivery_id(person, 1)

    assert await ledger.enrollments.hold(person, "booked", now_ms=now)
    assert not await ledger.enrollments.hold(person, "booked", now_ms=now)
    assert await ledger.enrollments.hold(person, "operator", now_ms=now)
    assert await ledger.client.zscore(keys.delayed("send"), first) is None
    held = await ledger.deliveries.claim(first, worker="w1", now_ms=now)
    assert (held.reason, held.until_ms, held.detail) == ("held", 0, "booked operator")
    assert (await ledger.schedule.sweep("0", now_ms=now + HOUR_MS))[1] == []

    assert await ledger.enrollments.release(person, "booked", now_ms=now)
    assert await ledger.client.zscore(keys.delayed("send"), first) is None
    assert await ledger.enrollments.release(person, "operator", now_ms=now)
    assert not await ledger.enrollments.release(person, "operator", now_ms=now)
    assert await ledger.client.zscore(keys.delayed("send"), first) == now


async def test_freeze_stops_a_step_claimed_before_a_hold_and_the_step_continues_after_it(ledger, ada, clock):
    now = clock.now_ms()
    person = enrollment_id("christmas_2025", ada.email)
    await ledger.signups.accept(ada, webhook_id="signup:1", received_ms=now)
    await ledger.signups.enroll(await ledger.enrollments.get(person), now_ms=now, announce=False)
    first = step_delivery_id(person, 1)
    claim = await ledger.deliveries.claim(first, worker="w1", now_ms=now)
    await ledger.enrollments.hold(person, "booked", now_ms=now)

    no = await ledger.deliveries.freeze(claim, "the bytes", now_ms=now)
    assert (no.reason, no.until_ms, no.detail) == ("held", 0, "booked")
    await ledger.deliveries.settle(claim, "defer", no.detail, now_ms=now, due_ms=0)
    assert (await ledger.deliveries.claim(first, worker="w1", now_ms=now)).reason == "held"
    assert await ledger.client.zscore(keys.OPEN, first) is None

    await ledger.enrollments.release(person, "booked", now_ms=now + HOUR_MS)
    assert await ledger.client.zscore(keys.delayed("send"), first) == now + HOUR_MS


async def test_ten_thousand_later_bookings_do_not_make_the_next_one_more_expensive(bookings, ledger, clock):
    async def commands(event: BookingEvent) -> int:
        before = (await ledger.client.info("commandstats")).values()
        await tell(bookings, event)
        after = (await ledger.client.info("commandstats")).values()
        return sum(line["calls"] for line in after) - sum(line["calls"] for line in before)

    first = await commands(booked(clock, "first", in_h=480, email="first@example.org"))
    pipe = ledger.client.pipeline(transaction=False)
    for number in range(10_000):
        far = booked(clock, f"far-{number}", in_h=480)
        delivery = job(far)
        pipe.zadd(keys.delayed("send"), {delivery: far.start_ms})
        pipe.zadd(keys.OPEN, {delivery: far.start_ms})
    await pipe.execute()
    soon = booked(clock, "soon", in_h=24, email="soon@example.org")

    assert await commands(soon) <= first + 1
    assert await ledger.client.zrange(keys.delayed("send"), 0, 0) == [job(soon).encode()]
