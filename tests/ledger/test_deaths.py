"""Deliveries that a worker held when it died: each death counts once, and a suspected delivery is tried alone."""

from __future__ import annotations

from dataclasses import replace

from common.domain.ids import enrollment_id, step_delivery_id
from common.ledger import keys
from common.ledger.deliveries import ClaimGranted, ClaimRefused
from common.ledger.ledger import Ledger


async def enrolled(ledger: Ledger, ada, clock, *names: str):
    deliveries = []
    for name in names:
        who = replace(ada, email=f"{name}@example.org")
        enrollment = enrollment_id("christmas_2025", who.email)
        await ledger.signups.accept(who, webhook_id=f"signup:{name}", received_ms=clock.now_ms())
        await ledger.signups.enroll(await ledger.enrollments.get(enrollment), now_ms=clock.now_ms(), announce=False)
        deliveries.append(step_delivery_id(enrollment, 1))
    return deliveries


async def hire(ledger: Ledger, worker: str) -> str:
    await ledger.client.zadd(keys.HEARTBEATS, {worker: 9e15})
    return worker


async def die(ledger: Ledger, worker: str) -> None:
    await ledger.client.zrem(keys.HEARTBEATS, worker)


async def test_delivery_that_waits_for_a_suspect_is_granted_after_the_suspect_is_settled(ledger, ada, clock):
    chen, boris = await enrolled(ledger, ada, clock, "chen", "boris")
    for worker in ("a", "b"):
        for delivery in (chen, boris):
            await ledger.deliveries.claim(delivery, worker=await hire(ledger, worker), now_ms=clock.now_ms())
        await die(ledger, worker)
    claim = await ledger.deliveries.claim(chen, worker="w1", now_ms=clock.now_ms())
    assert isinstance(await ledger.deliveries.claim(boris, worker="w1", now_ms=clock.now_ms()), ClaimRefused)

    await ledger.deliveries.freeze(claim, "mail", now_ms=clock.now_ms())
    await ledger.deliveries.settle(claim, "accepted", "re_1", now_ms=clock.now_ms())
    clock.advance(1_000)

    assert isinstance(await ledger.deliveries.claim(boris, worker="w1", now_ms=clock.now_ms()), ClaimGranted)


async def test_delivery_does_not_wait_for_a_suspect_held_by_a_dead_worker(ledger, ada, clock):
    mallory, boris = await enrolled(ledger, ada, clock, "mallory", "boris")
    for worker in ("a", "b"):
        for delivery in (mallory, boris):
            await ledger.deliveries.claim(delivery, worker=await hire(ledger, worker), now_ms=clock.now_ms())
        await die(ledger, worker)
    await ledger.deliveries.claim(mallory, worker=await hire(ledger, "c"), now_ms=clock.now_ms())
    await die(ledger, "c")

    assert isinstance(await ledger.deliveries.claim(boris, worker="w1", now_ms=clock.now_ms()), ClaimGranted)
