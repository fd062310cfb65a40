"""A fate says so when an earlier attempt may have been accepted all the same."""

from __future__ import annotations

from common.domain.ids import enrollment_id, step_delivery_id
from common.ledger import keys

ADA = enrollment_id("christmas_2025", "ada@example.org")
STEP_1 = step_delivery_id(ADA, 1)


async def test_who_leaves_while_an_attempt_of_unknown_outcome_is_repeated_is_skipped_and_it_says_so(ledger, ada, clock):
    now_ms = clock.now_ms()
    await ledger.signups.accept(ada, webhook_id="signup:1", received_ms=now_ms)
    await ledger.signups.enroll(await ledger.enrollments.get(ADA), now_ms=now_ms, announce=False)
    await ledger.deliveries.freeze(
        await ledger.deliveries.claim(STEP_1, worker="w1", now_ms=now_ms), "mail", now_ms=now_ms
    )
    await ledger.client.zrem(keys.HEARTBEATS, "w1")
    second = await ledger.deliveries.claim(STEP_1, worker="w2", now_ms=now_ms)
    await ledger.enrollments.unsubscribe(ADA, mark=ledger.store.address_hash(ada.email), now_ms=now_ms)

    turned_away = await ledger.deliveries.freeze(second, "mail", now_ms=now_ms)
    await ledger.deliveries.settle(second, "skipped", turned_away.detail, now_ms=now_ms)

    [record] = (await ledger.enrollments.get(ADA)).records.values()
    assert record.detail == "unsubscribed, while the outcome of an earlier attempt was unknown"
