"""A call whose answer was lost with the store is repeated, and the repetition changes nothing."""

from __future__ import annotations

from common.domain.ids import booking_id, enrollment_id, reminder_delivery_id, step_delivery_id
from common.ledger import keys

ADA = enrollment_id("christmas_2025", "ada@example.org")
STEP_1 = step_delivery_id(ADA, 1)


async def test_a_failed_try_that_is_settled_twice_is_one_try(ledger, ada, clock):
    now_ms = clock.now_ms()
    await ledger.signups.accept(ada, webhook_id="signup:1", received_ms=now_ms)
    await ledger.signups.enroll(await ledger.enrollments.get(ADA), now_ms=now_ms, announce=False)
    claim = await ledger.deliveries.claim(STEP_1, worker="w1", now_ms=now_ms)
    await ledger.deliveries.freeze(claim, "mail", now_ms=now_ms)

    settled = [
        await ledger.deliveries.settle(claim, "retry", "timeout", now_ms=now_ms, due_ms=now_ms + 1_000, doubt=True)
        for _ in range(2)
    ]

    assert None not in settled
    assert await failures(ledger, STEP_1) == 1
    assert await ledger.client.llen(keys.timeline(ADA)) == 1


async def test_a_failed_reminder_that_is_settled_twice_is_one_try(ledger, clock):
    now_ms, start_ms = clock.now_ms(), clock.now_ms() + 3_600_000
    call = booking_id("A")
    reminder = reminder_delivery_id(call, start_ms=start_ms, name="24h")
    await ledger.client.hset(
        keys.guest(call),
        mapping={
            **{"campaign": "christmas_2025", "contact": ADA, "uid": "A", "stand": "booked", "received": now_ms},
            **{"email": "ada@example.org", "start": start_ms, "end": start_ms + 60_000},
            f"r:{start_ms}/24h": f"planned {now_ms} 0 0 ",
        },
    )
    claim = await ledger.deliveries.claim(reminder, worker="w1", now_ms=now_ms)
    await ledger.deliveries.freeze(claim, "mail", now_ms=now_ms)

    for _ in range(2):
        await ledger.deliveries.settle(claim, "retry", "timeout", now_ms=now_ms, due_ms=now_ms + 1_000, doubt=True)

    assert await failures(ledger, reminder) == 1


async def failures(ledger, delivery) -> int:
    return int(await ledger.client.hget(keys.delivery(delivery), "failures"))
