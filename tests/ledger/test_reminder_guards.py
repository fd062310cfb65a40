"""The guards that a reminder has beside a step's: its dead letters, and what its meeting's start ends."""

from __future__ import annotations

import pytest

from common.domain.booking import BookingEvent, BookingKind
from common.domain.delivery import DeliveryStatus
from common.domain.feedback import Feedback, FeedbackKind
from common.domain.ids import booking_id, enrollment_id, reminder_delivery_id
from common.ledger import booking_views, keys
from common.ledger.answers import ClaimRefused, ReminderClaimGranted, Settled
from common.ledger.bookings import Bookings
from common.ledger.feedback import hear
from common.ledger.ledger import MAIL, Ledger
from common.ledger.views import timeline

HOUR_MS = 3_600_000
BORIS = enrollment_id("christmas_2025", "boris@example.org")
CALL = booking_id("A")


@pytest.fixture
def start_ms(clock) -> int:
    return clock.now_ms() + 24 * HOUR_MS


@pytest.fixture
async def reminder(ledger: Ledger, clock, start_ms):
    """Boris's call is tomorrow, and its reminder due now."""
    call = {"campaign": "christmas_2025", "contact": BORIS, "uid": "A", "stand": "booked", "received": clock.now_ms()}
    meeting = {"email": "boris@example.org", "start": start_ms, "end": start_ms + HOUR_MS}
    fate = {f"r:{start_ms}/24h": f"planned {clock.now_ms()} 0 0 "}
    await ledger.client.hset(keys.meeting(CALL), mapping={**call, **meeting, **fate})
    return reminder_delivery_id(CALL, start_ms=start_ms, name="24h")


async def go(ledger: Ledger, delivery, now_ms: int, worker: str = "w1") -> ReminderClaimGranted:
    claim = await ledger.claim(delivery, worker=worker, now_ms=now_ms)
    assert isinstance(claim, ReminderClaimGranted), claim
    return claim


async def buried(ledger: Ledger, delivery, now_ms: int) -> None:
    claim = await go(ledger, delivery, now_ms)
    await ledger.freeze(claim, "mail", now_ms=now_ms)
    await ledger.settle(claim, "dead", "because", now_ms=now_ms, doubt=True)


async def fate(ledger: Ledger, delivery) -> DeliveryStatus:
    known = await booking_views.reminder(ledger, delivery)
    assert known
    return known[1].fate


async def fields_of(ledger: Ledger, delivery) -> dict[str, str]:
    return await ledger.read_hash(keys.delivery(delivery))


async def test_what_waits_for_a_provider_is_looked_at_again_when_its_meeting_begins(ledger, reminder, clock, start_ms):
    far_ms = start_ms + HOUR_MS
    await ledger.trouble(
        MAIL, whose="x", reason="daily_quota", provider_wide=True, now_ms=clock.now_ms(), at_least_ms=far_ms
    )

    answer = await ledger.claim(reminder, worker="w1", now_ms=clock.now_ms())

    assert answer == ClaimRefused("held", "daily_quota", start_ms)
    assert await ledger.client.zscore(keys.delayed("send"), reminder) == start_ms


async def test_its_claim_that_is_asked_for_again_is_the_same_claim(ledger, reminder, clock):
    first = await go(ledger, reminder, clock.now_ms())
    ledger._calls -= 1  # As the same call, sent once more.

    assert (await go(ledger, reminder, clock.now_ms())).fence == first.fence


async def test_a_death_is_counted_once_for_a_reminder_too(ledger, reminder, clock):
    await go(ledger, reminder, clock.now_ms())
    await ledger.client.zrem(keys.HEARTBEATS, "w1")
    await ledger.trouble(MAIL, whose="x", reason="invalid_api_key", provider_wide=True, now_ms=clock.now_ms())

    for _ in range(5):
        assert (await ledger.claim(reminder, worker="w2", now_ms=clock.now_ms())).why == "held"

    await go(ledger, reminder, clock.now_ms() + 60_000, worker="w2")


def about(reminder, kind: FeedbackKind, now_ms: int) -> Feedback:
    return Feedback(
        kind=kind,
        delivery_id=reminder,
        contact_id=BORIS,
        event_ms=now_ms + 500,
        mailed_ms=now_ms + 400,
        received_ms=now_ms + 505,
        provider_id="re_told",
        address="boris@example.org",
    )


async def test_the_answer_to_a_reminder_names_it_though_a_webhook_was_quicker(ledger, reminder, clock):
    now_ms = clock.now_ms()
    claim = await go(ledger, reminder, now_ms)
    await ledger.freeze(claim, "mail", now_ms=now_ms)
    await hear(ledger, about(reminder, FeedbackKind.SENT, now_ms), webhook_id="resend:1")

    assert await ledger.settle(claim, "accepted", "re_1", now_ms=now_ms + 600) == Settled(None)
    record = (await booking_views.reminder(ledger, reminder))[1]
    assert (record.fate, record.sent_ms, record.detail) == (DeliveryStatus.ACCEPTED, now_ms + 600, "re_1")


@pytest.mark.parametrize("left", [False, True], ids=["at the third death", "after they left"])
async def test_a_reminder_that_was_told_of_is_sent_though_nobody_lived_to_write_it_down(ledger, reminder, clock, left):
    now_ms = clock.now_ms()
    for worker in ("w1", "w2", "w3"):
        await ledger.client.zadd(keys.HEARTBEATS, {worker: 9e15})
        await ledger.freeze(await go(ledger, reminder, now_ms, worker=worker), "mail", now_ms=now_ms)
        if worker == "w3":
            await hear(ledger, about(reminder, FeedbackKind.SENT, now_ms), webhook_id="resend:1")
        await ledger.client.zrem(keys.HEARTBEATS, worker)
    if left:
        await ledger.unsubscribe(BORIS, mark=ledger.mark("boris@example.org"), now_ms=now_ms + 600)

    answer = await ledger.claim(reminder, worker="w4", now_ms=now_ms + 1_000)

    assert answer == ClaimRefused("already", "accepted")
    record = (await booking_views.reminder(ledger, reminder))[1]
    assert (record.fate, record.sent_ms, record.detail) == (DeliveryStatus.ACCEPTED, now_ms + 400, "re_told")
    assert await ledger.client.zcard(keys.DEAD) == 0
    assert "reminder 24h: the provider tells of it" in [entry.detail for entry in await timeline(ledger, BORIS)]


@pytest.mark.parametrize("outcome", ["retry", "hold", "dead", "skipped"])
@pytest.mark.parametrize("kind", [FeedbackKind.SENT, FeedbackKind.DELIVERED])
async def test_what_is_told_of_a_reminder_in_hand_is_its_fate(ledger, reminder, clock, outcome, kind):
    now_ms = clock.now_ms()
    claim = await go(ledger, reminder, now_ms)
    await ledger.freeze(claim, "mail", now_ms=now_ms)
    await hear(ledger, about(reminder, kind, now_ms), webhook_id="resend:1")

    due_ms = now_ms + 60_000
    answer = await ledger.settle(claim, outcome, "why", now_ms=now_ms + 600, due_ms=due_ms, doubt=True)

    assert answer == Settled(None, is_told=True)
    record = (await booking_views.reminder(ledger, reminder))[1]
    fate = DeliveryStatus.DELIVERED if kind is FeedbackKind.DELIVERED else DeliveryStatus.ACCEPTED
    assert (record.fate, record.sent_ms, record.detail) == (fate, now_ms + 400, "re_told")
    assert await ledger.client.zscore(keys.delayed("send"), reminder) is None
    assert await ledger.client.zcard(keys.DEAD) == 0


@pytest.mark.parametrize("whose", ["*", BORIS, "somebody else"])
async def test_a_pause_stops_a_reminder_that_is_in_hand_unless_it_is_another_persons(ledger, reminder, clock, whose):
    claim = await go(ledger, reminder, clock.now_ms())
    await ledger.client.hset(keys.PAUSES, whose, "{}")

    answer = await ledger.freeze(claim, "mail", now_ms=clock.now_ms())

    goes = ("mail", 1)
    assert answer == (goes if whose == "somebody else" else ClaimRefused("held", "paused", clock.now_ms() + 60_000))


@pytest.mark.parametrize(
    ("way", "kept"),
    [
        ({"fresh": True}, set()),
        ({"fresh": False}, {"frozen", "first", "doubt"}),
        ({"fresh": False, "again": True}, {"frozen"}),
    ],
)
async def test_a_dead_reminder_is_replayed_at_once_and_once(ledger, reminder, clock, way, kept):
    now_ms = clock.now_ms()
    await buried(ledger, reminder, now_ms)

    assert not await ledger.replay(reminder, now_ms=now_ms, buried_ms=now_ms - 5, **way)
    assert await ledger.replay(reminder, now_ms=now_ms + 7, buried_ms=now_ms, **way)
    assert not await ledger.replay(reminder, now_ms=now_ms + 7, **way)

    assert {"frozen", "first", "doubt"} & (await fields_of(ledger, reminder)).keys() == kept
    assert await ledger.client.zscore(keys.delayed("send"), reminder) == now_ms + 7
    await go(ledger, reminder, now_ms + 7)


async def test_a_dead_reminder_is_found_accepted_or_discarded_once(ledger, reminder, clock):
    now_ms = clock.now_ms()
    assert not await ledger.discard(reminder, now_ms=now_ms)
    await buried(ledger, reminder, now_ms)

    assert not await ledger.found_accepted(reminder, "re_1", sent_ms=now_ms, buried_ms=now_ms - 5, now_ms=now_ms)
    assert await ledger.found_accepted(reminder, "re_1", sent_ms=now_ms, buried_ms=now_ms, now_ms=now_ms)
    assert not await ledger.discard(reminder, now_ms=now_ms)

    assert await fate(ledger, reminder) is DeliveryStatus.ACCEPTED
    assert await ledger.client.zcard(keys.DEAD) == 0


async def test_whose_calls_they_are_is_gathered_from_all_bookings_of_a_series(ledger, reminder, clock):
    bookings = Bookings(ledger)
    moved = BookingEvent(
        kind=BookingKind.RESCHEDULED,
        uid="B",
        event_ms=clock.now_ms(),
        received_ms=clock.now_ms(),
        reschedule_uid="A",
        start_ms=clock.now_ms() + 48 * HOUR_MS,
        email="another@example.org",
    )
    await bookings.accept(moved, webhook_id="calcom:1")

    assert (await bookings.gather(booking_id("B"))).contacts == (BORIS,)
