"""Two clocks that differ too little to be corrected: a delivery promoted by one worker is too early for the other."""

from __future__ import annotations

from common.clock import VirtualClock
from common.domain.ids import enrollment_id, step_delivery_id
from common.ledger import keys
from common.ledger.deliveries import ClaimRefused
from common.queue.broker import DurableRedisBroker
from common.queue.layout import NAMESPACE

ADA = enrollment_id("christmas_2025", "ada@example.org")


async def test_delivery_promoted_too_early_is_scheduled_again_while_its_message_is_in_flight(
    ledger, ada, clock, store_url
):
    ahead = VirtualClock(clock.now_ms() + 300)
    broker = DurableRedisBroker(url=store_url, namespace=NAMESPACE)
    broker.clock = ahead
    broker.declare_queue("send")
    consumer = broker.consume("send", prefetch=1, timeout=0)
    await ledger.signups.accept(ada, webhook_id="signup:1", received_ms=ahead.now_ms())
    await ledger.signups.enroll(await ledger.enrollments.get(ADA), now_ms=clock.now_ms(), announce=False)
    broker.promote()
    early = next(consumer)

    answer = await ledger.deliveries.claim(step_delivery_id(ADA, 1), worker="w1", now_ms=clock.now_ms())
    broker.promote()
    consumer.ack(early)
    broker.promote()

    assert isinstance(answer, ClaimRefused)
    assert answer.reason == "not yet"
    due_ms = await ledger.client.zscore(keys.delayed("send"), step_delivery_id(ADA, 1))
    assert due_ms == ahead.now_ms() + 1
    # The sweeper compares the schedule with this score. If they differed, it would treat the job as lost.
    assert await ledger.client.zscore(keys.OPEN, step_delivery_id(ADA, 1)) == due_ms
    broker.close()
