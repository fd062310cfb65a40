"""The answer to a webhook id is remembered for 45 days, whatever the store's clock does."""

from __future__ import annotations

import asyncio

from common.ledger import keys
from common.ledger.holds import Hold

DAY_MS = 86_400_000


async def answered(ledger, ada, clock, webhook_id: str = "signup:1"):
    return await ledger.signups.accept(ada, webhook_id=webhook_id, received_ms=clock.now_ms())


async def test_answered_webhook_id_has_no_expiry(ledger, ada, clock):
    await answered(ledger, ada, clock)

    assert await ledger.client.ttl(keys.webhook("signup:1")) == -1


async def test_webhook_id_is_remembered_for_45_days_and_then_forgotten_completely(ledger, ada, clock):
    first = await answered(ledger, ada, clock)
    clock.advance(45 * DAY_MS)
    assert await ledger.schedule.forget_webhooks(now_ms=clock.now_ms()) == 0
    assert (await answered(ledger, ada, clock)).received_ms == first.received_ms

    clock.advance(DAY_MS)
    assert await ledger.schedule.forget_webhooks(now_ms=clock.now_ms()) == 1

    assert await ledger.client.exists(keys.webhook("signup:1"), keys.WEBHOOK_DAYS) == 0
    assert not await ledger.client.keys("*:webhooks:*")


async def test_ids_that_are_answered_in_one_call_are_all_forgotten(ledger, ada, clock):
    await asyncio.gather(*(answered(ledger, ada, clock, f"signup:{number}") for number in range(3)))
    clock.advance(50 * DAY_MS)

    assert await ledger.schedule.forget_webhooks(now_ms=clock.now_ms()) == 3
    assert not await ledger.client.keys("*:w:*")


async def test_an_id_whose_answer_is_replaced_is_noted_once(ledger, ada, clock):
    for answer in ("accepted", "closed"):
        await ledger.signups.accept(ada, webhook_id="signup:1", received_ms=clock.now_ms(), answer=answer)
    (day,) = await ledger.client.keys("*:webhooks:*")

    assert await ledger.client.llen(day) == 1


async def test_webhook_ids_are_forgotten_in_batches(ledger, ada, clock):
    for number in range(5):
        await answered(ledger, ada, clock, f"signup:{number}")
    clock.advance(50 * DAY_MS)

    forgotten = [await ledger.schedule.forget_webhooks(now_ms=clock.now_ms(), batch=2) for _ in range(4)]

    assert forgotten == [2, 2, 1, 0]


async def test_no_webhook_id_is_forgotten_while_a_clock_may_be_wrong(ledger, ada, clock):
    await answered(ledger, ada, clock)
    await ledger.holds.start("clock", Hold(since_ms=clock.now_ms(), why="a clock is wrong", cure="set it"))
    clock.advance(50 * DAY_MS)

    assert await ledger.schedule.forget_webhooks(now_ms=clock.now_ms()) == 0

    assert (await answered(ledger, ada, clock)).repeated
    await ledger.holds.finish("clock")
    assert await ledger.schedule.forget_webhooks(now_ms=clock.now_ms()) == 1


async def test_webhook_id_stored_by_an_earlier_version_keeps_its_expiry(ledger, ada, clock):
    await answered(ledger, ada, clock)
    await ledger.client.pexpire(keys.webhook("signup:1"), DAY_MS)
    await ledger.client.delete(keys.WEBHOOK_DAYS)

    # The answer that the gateway gave from the spool replaces the stored one, which the sender never received.
    again = await ledger.signups.accept(ada, webhook_id="signup:1", received_ms=clock.now_ms(), answer="closed")

    assert (again.repeated, again.answer) == (True, "closed")
    assert 0 < await ledger.client.pttl(keys.webhook("signup:1")) <= DAY_MS
