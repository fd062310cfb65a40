"""What was in hand when a worker died: counted once for each death, and tried alone once it is suspected."""

from __future__ import annotations

from dataclasses import replace

from common.domain.ids import enrollment_id, step_delivery_id
from common.ledger import keys
from common.ledger.answers import ClaimGranted, ClaimRefused
from common.ledger.ledger import MAIL, Ledger


async def enrolled(ledger: Ledger, ada, clock, *names: str):
    deliveries = []
    for name in names:
        who = replace(ada, email=f"{name}@example.org")
        enrollment = enrollment_id("christmas_2025", who.email)
        await ledger.accept(who, webhook_id=f"signup:{name}", received_ms=clock.now_ms())
        await ledger.enroll(await ledger.enrollment(enrollment), now_ms=clock.now_ms(), announce=False)
        deliveries.append(step_delivery_id(enrollment, 1))
    return deliveries


async def hire(ledger: Ledger, worker: str) -> str:
    await ledger.client.zadd(keys.HEARTBEATS, {worker: 9e15})
    return worker


async def die(ledger: Ledger, worker: str) -> None:
    await ledger.client.zrem(keys.HEARTBEATS, worker)


async def test_a_death_is_counted_once_however_long_the_delivery_has_to_wait_after_it(ledger, ada, clock):
    [delivery] = await enrolled(ledger, ada, clock, "ada")
    assert isinstance(await ledger.claim(delivery, worker="w1", now_ms=clock.now_ms()), ClaimGranted)
    await die(ledger, "w1")
    await ledger.trouble(MAIL, whose="x", reason="invalid_api_key", provider_wide=True, now_ms=clock.now_ms())

    answers = [await ledger.claim(delivery, worker="w2", now_ms=clock.now_ms()) for _ in range(5)]
    clock.advance(60_000)

    assert {answer.why for answer in answers} == {"held", "not yet"}
    assert isinstance(await ledger.claim(delivery, worker="w2", now_ms=clock.now_ms()), ClaimGranted)


async def test_the_third_death_makes_it_a_dead_letter(ledger, ada, clock):
    [delivery] = await enrolled(ledger, ada, clock, "ada")
    for worker in ("a", "b", "c"):
        assert isinstance(
            await ledger.claim(delivery, worker=await hire(ledger, worker), now_ms=clock.now_ms()), ClaimGranted
        )
        await die(ledger, worker)

    answer = await ledger.claim(delivery, worker="w1", now_ms=clock.now_ms())

    assert answer == ClaimRefused("dead", "killed its worker 3 times")


async def test_of_those_who_were_in_hand_at_two_deaths_one_at_a_time_is_tried(ledger, ada, clock):
    mallory, boris = await enrolled(ledger, ada, clock, "mallory", "boris")
    for worker in ("a", "b"):
        for delivery in (mallory, boris):
            claim = await ledger.claim(delivery, worker=await hire(ledger, worker), now_ms=clock.now_ms())
            assert isinstance(claim, ClaimGranted)
        await die(ledger, worker)

    assert isinstance(await ledger.claim(mallory, worker=await hire(ledger, "c"), now_ms=clock.now_ms()), ClaimGranted)
    waits = await ledger.claim(boris, worker="c", now_ms=clock.now_ms())
    await die(ledger, "c")
    clock.advance(1_000)

    assert isinstance(waits, ClaimRefused)
    assert waits.why == "not yet"
    assert await ledger.claim(mallory, worker="w1", now_ms=clock.now_ms()) == ClaimRefused(
        "dead", "killed its worker 3 times"
    )
    assert isinstance(await ledger.claim(boris, worker="w1", now_ms=clock.now_ms()), ClaimGranted)


async def test_who_waits_for_a_suspect_goes_when_that_one_is_through(ledger, ada, clock):
    chen, boris = await enrolled(ledger, ada, clock, "chen", "boris")
    for worker in ("a", "b"):
        for delivery in (chen, boris):
            await ledger.claim(delivery, worker=await hire(ledger, worker), now_ms=clock.now_ms())
        await die(ledger, worker)
    claim = await ledger.claim(chen, worker="w1", now_ms=clock.now_ms())
    assert isinstance(await ledger.claim(boris, worker="w1", now_ms=clock.now_ms()), ClaimRefused)

    await ledger.freeze(claim, "mail", now_ms=clock.now_ms())
    await ledger.settle(claim, "accepted", "re_1", now_ms=clock.now_ms())
    clock.advance(1_000)

    assert isinstance(await ledger.claim(boris, worker="w1", now_ms=clock.now_ms()), ClaimGranted)


async def test_who_waits_for_a_suspect_need_not_wait_for_one_whose_worker_died(ledger, ada, clock):
    mallory, boris = await enrolled(ledger, ada, clock, "mallory", "boris")
    for worker in ("a", "b"):
        for delivery in (mallory, boris):
            await ledger.claim(delivery, worker=await hire(ledger, worker), now_ms=clock.now_ms())
        await die(ledger, worker)
    await ledger.claim(mallory, worker=await hire(ledger, "c"), now_ms=clock.now_ms())
    await die(ledger, "c")

    assert isinstance(await ledger.claim(boris, worker="w1", now_ms=clock.now_ms()), ClaimGranted)
