"""What a script leaves in the store for the schedule and the sweeper, and what it must not leave behind."""

from __future__ import annotations

import pytest

from common.domain.booking import BookingEvent, BookingKind
from common.domain.feedback import Feedback, FeedbackKind
from common.domain.ids import booking_id, enrollment_id, step_delivery_id
from common.ledger import keys
from common.ledger.ledger import Ledger

HOUR_MS = 3_600_000
ADA = enrollment_id("christmas_2025", "ada@example.org")
STEP_1 = step_delivery_id(ADA, 1)


@pytest.fixture
async def now_ms(ledger: Ledger, ada, clock) -> int:
    """Enroll Ada now. Return the time."""
    await ledger.signups.accept(ada, webhook_id="signup:1", received_ms=clock.now_ms())
    await ledger.signups.enroll(await ledger.enrollments.get(ADA), now_ms=clock.now_ms(), announce=False)
    return clock.now_ms()


async def test_sweeper_schedules_a_booking_with_a_lost_job_again(ledger, clock):
    call, now_ms = booking_id("A"), clock.now_ms()
    event = BookingEvent(kind=BookingKind.CANCELLED, uid="A", event_ms=now_ms, received_ms=now_ms)
    await ledger.bookings.accept(event, webhook_id="calcom:1")
    await ledger.client.delete(keys.delayed("bookings"))

    assert await ledger.schedule.sweep("0", now_ms=now_ms + 60_000) == ("0", [call])
    assert await ledger.client.zscore(keys.delayed("bookings"), call) == now_ms + 60_000


async def test_unsubscribing_deletes_a_scheduled_job_with_its_body(ledger, ada, now_ms):
    await ledger.client.hset(keys.delayed("send") + ".msgs", STEP_1, "{}")

    await ledger.enrollments.unsubscribe(ADA, address_hash=ledger.store.address_hash(ada.email), now_ms=now_ms)

    assert await ledger.client.exists(keys.delayed("send"), keys.delayed("send") + ".msgs") == 0


async def test_replayed_dead_letter_is_due_immediately(ledger, now_ms):
    claim = await ledger.deliveries.claim(STEP_1, worker="w1", now_ms=now_ms)
    await ledger.deliveries.settle(claim, "dead", "because", now_ms=now_ms)

    await ledger.dead_letters.replay(STEP_1, now_ms=now_ms + HOUR_MS, way="fresh")

    assert await ledger.client.zscore(keys.delayed("send"), STEP_1) == now_ms + HOUR_MS
    assert await ledger.client.zscore(keys.OPEN, STEP_1) == now_ms + HOUR_MS


async def test_complaint_without_an_address_suppresses_the_address_of_the_enrollment(ledger, now_ms):
    complaint = Feedback(
        kind=FeedbackKind.COMPLAINED,
        delivery_id=STEP_1,
        contact_id=ADA,
        event_ms=now_ms,
        mailed_ms=now_ms,
        received_ms=now_ms,
        provider_id="re_1",
        address="",
    )
    await ledger.feedback.record(complaint, webhook_id="resend:1")

    assert (await ledger.enrollments.get(ADA)).status == "exited"
    assert await ledger.store.read_hash(keys.SUPPRESSED) == {
        ledger.store.address_hash("ada@example.org"): f"complained {now_ms}"
    }


async def test_an_event_for_a_forgotten_call_stores_nothing(ledger, clock):
    call, now_ms = booking_id("A"), clock.now_ms()
    await ledger.client.sadd(keys.FORGOTTEN, call)
    event = BookingEvent(kind=BookingKind.CANCELLED, uid="A", event_ms=now_ms, received_ms=now_ms)

    answers = [await ledger.bookings.accept(event, webhook_id="calcom:1") for _ in range(2)]

    assert [answer.repeated for answer in answers] == [False, True]
    assert await ledger.client.exists(keys.booking(call), keys.guest(call), keys.BOOKINGS) == 0
    assert await ledger.client.exists(keys.delayed("bookings")) == 0
