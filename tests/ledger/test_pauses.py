"""A pause stops contacts where they are: due times stay, nothing is sent, nothing is lost."""

from __future__ import annotations

import redis.asyncio

from common.clock import VirtualClock
from common.domain.ids import enrollment_id, step_delivery_id
from common.ledger import keys
from common.ledger.deliveries import ClaimGranted, ClaimRefused
from common.ledger.pauses import ActivePauses, Pause
from common.queue.broker import DurableRedisBroker
from common.queue.layout import NAMESPACE
from common.store.clients import connect

HOUR_MS = 3_600_000
ADA = enrollment_id("christmas_2025", "ada@example.org")
FIRST = step_delivery_id(ADA, 1)


def said(now_ms: int, reason: str = "the domain moves") -> Pause:
    return Pause(since_ms=now_ms, by="zoë", reason=reason)


async def enrolled(ledger, person, now_ms):
    await ledger.signups.accept(person, webhook_id="signup:1", received_ms=now_ms)
    await ledger.signups.enroll(await ledger.enrollments.get(ADA), now_ms=now_ms, announce=False)


def promoted(store_url: str, clock: VirtualClock) -> dict[str, int]:
    """Promote as a worker does. Return the number of jobs that became ready, by queue."""
    with connect(store_url) as client:
        broker = DurableRedisBroker(client=client, namespace=NAMESPACE)
        broker.clock = clock
        for queue in ("classify", "send"):
            broker.declare_queue(queue)
        return {promotion.queue: promotion.moved for promotion in broker.promote()}


async def test_pause_has_its_author_time_and_reason_and_the_first_pause_stays(ledger, ada, clock):
    now = clock.now_ms()
    await enrolled(ledger, ada, now)
    assert await ledger.pauses.active() == ActivePauses(everybody=None, contacts={})

    assert await ledger.pauses.start(None, said(now)) == (said(now), True)
    assert await ledger.pauses.start(None, said(now + 5, "another")) == (said(now), False)
    assert await ledger.pauses.start(ADA, said(now + 9, "she asked")) == (said(now + 9, "she asked"), True)

    assert await ledger.pauses.active() == ActivePauses(everybody=said(now), contacts={ADA: said(now + 9, "she asked")})
    assert await ledger.pauses.finish(None, now_ms=now + 10) == said(now)
    assert await ledger.pauses.finish(None, now_ms=now + 11) is None
    assert (await ledger.pauses.active()).everybody is None


async def test_pause_of_all_sending_promotes_nothing_and_keeps_every_due_time(ledger, ada, clock, store_url):
    now = clock.now_ms()
    await enrolled(ledger, ada, now)
    await ledger.pauses.start(None, said(now))
    clock.advance(50 * HOUR_MS)

    for _ in range(3):
        assert promoted(store_url, clock)["send"] == 0
    assert await ledger.client.zscore(keys.delayed("send"), FIRST) == now
    assert await ledger.schedule.sweep("0", now_ms=clock.now_ms()) == ("0", [])

    await ledger.pauses.finish(None, now_ms=clock.now_ms())
    assert promoted(store_url, clock)["send"] == 1


async def test_signups_are_accepted_and_classified_during_a_pause(ledger, ada, clock, store_url):
    await ledger.pauses.start(None, said(clock.now_ms()))
    await ledger.signups.accept(ada, webhook_id="signup:1", received_ms=clock.now_ms())

    assert promoted(store_url, clock) == {"classify": 1, "send": 0}


async def test_delivery_that_was_ready_before_a_pause_is_held_by_its_claim(ledger, ada, clock, store_url):
    now = clock.now_ms()
    await enrolled(ledger, ada, now)
    assert promoted(store_url, clock)["send"] == 1
    await ledger.pauses.start(None, said(now))

    held = await ledger.deliveries.claim(FIRST, worker="w1", now_ms=now)

    assert (held.reason, held.detail) == ("held", "paused")
    assert await ledger.client.zscore(keys.delayed("send"), FIRST) == held.until_ms
    clock.advance(2 * HOUR_MS)
    assert promoted(store_url, clock)["send"] == 0
    await ledger.pauses.finish(None, now_ms=clock.now_ms())
    assert promoted(store_url, clock)["send"] == 1
    assert isinstance(await ledger.deliveries.claim(FIRST, worker="w1", now_ms=clock.now_ms()), ClaimGranted)


async def test_mail_being_rendered_is_not_sent_after_a_pause_began(ledger, ada, clock):
    now = clock.now_ms()
    await enrolled(ledger, ada, now)
    claim = await ledger.deliveries.claim(FIRST, worker="w1", now_ms=now)
    await ledger.pauses.start(None, said(now))

    assert await ledger.deliveries.freeze(claim, "mail", now_ms=now) == ClaimRefused("held", "paused", now + 60_000)
    assert await ledger.deliveries.settle(claim, "defer", "paused", now_ms=now, due_ms=now + 60_000)

    await ledger.pauses.finish(None, now_ms=now + 60_000)
    again = await ledger.deliveries.claim(FIRST, worker="w1", now_ms=now + 60_000)
    assert (again.attempts, again.failures, again.outcome_unknown) == (0, 0, False)


async def test_pause_of_one_contact_does_not_pause_others(ledger, ada, clock, store_url):
    now = clock.now_ms()
    await enrolled(ledger, ada, now)
    await ledger.signups.accept(
        type(ada)(email="b@example.org", first_name="B", assessment_score=5), webhook_id="signup:2", received_ms=now
    )
    boris = enrollment_id("christmas_2025", "b@example.org")
    await ledger.signups.enroll(await ledger.enrollments.get(boris), now_ms=now, announce=False)

    await ledger.pauses.start(ADA, said(now))

    assert [job async for job in jobs(ledger)] == [step_delivery_id(boris, 1)]
    assert (await ledger.deliveries.claim(FIRST, worker="w1", now_ms=now)).reason == "held"
    clock.advance(HOUR_MS)
    assert await ledger.schedule.sweep("0", now_ms=now + 9_000) == ("0", [])
    assert promoted(store_url, clock)["send"] == 1

    await ledger.pauses.finish(ADA, now_ms=clock.now_ms())
    assert [job async for job in jobs(ledger)] == [FIRST]
    assert isinstance(await ledger.deliveries.claim(FIRST, worker="w1", now_ms=clock.now_ms()), ClaimGranted)


async def test_contact_paused_while_a_mail_is_rendered_gets_it_after_the_resume(ledger, ada, clock):
    now = clock.now_ms()
    await enrolled(ledger, ada, now)
    claim = await ledger.deliveries.claim(FIRST, worker="w1", now_ms=now)
    await ledger.pauses.start(ADA, said(now))

    assert (await ledger.deliveries.freeze(claim, "mail", now_ms=now)).reason == "held"
    await ledger.deliveries.settle(claim, "defer", "paused", now_ms=now, due_ms=now)
    await ledger.client.zrem(keys.delayed("send"), FIRST)  # As the scheduler does with a due job.
    assert (await ledger.deliveries.claim(FIRST, worker="w1", now_ms=now)).reason == "held"
    assert FIRST not in [job async for job in jobs(ledger)]

    await ledger.pauses.finish(ADA, now_ms=now + HOUR_MS)
    assert FIRST in [job async for job in jobs(ledger)]
    assert isinstance(await ledger.deliveries.claim(FIRST, worker="w1", now_ms=now + HOUR_MS), ClaimGranted)


async def test_pause_of_a_contact_and_a_hold_end_independently(ledger, ada, clock):
    now = clock.now_ms()
    await enrolled(ledger, ada, now)
    await ledger.pauses.start(ADA, said(now))
    await ledger.enrollments.hold(ADA, "booked", now_ms=now)

    await ledger.enrollments.release(ADA, "booked", now_ms=now)
    assert (await ledger.deliveries.claim(FIRST, worker="w1", now_ms=now)).reason == "held"

    await ledger.enrollments.hold(ADA, "booked", now_ms=now)
    await ledger.pauses.finish(ADA, now_ms=now)
    assert (await ledger.deliveries.claim(FIRST, worker="w1", now_ms=now)).reason == "held"


async def test_contact_who_unsubscribes_while_paused_has_exited(ledger, ada, clock):
    now = clock.now_ms()
    await enrolled(ledger, ada, now)
    await ledger.pauses.start(ADA, said(now))
    await ledger.enrollments.unsubscribe(ADA, address_hash=ledger.store.address_hash(ada.email), now_ms=now)

    await ledger.pauses.finish(ADA, now_ms=now)

    assert [job async for job in jobs(ledger)] == []
    assert (await ledger.deliveries.claim(FIRST, worker="w1", now_ms=now)).reason == "exited"


async def jobs(ledger):
    client: redis.asyncio.Redis = ledger.client
    for job in await client.zrange(keys.delayed("send"), 0, -1):
        yield job.decode()


async def test_pause_before_a_signup_holds_the_mail_of_the_contact(ledger, ada, clock):
    now = clock.now_ms()
    await ledger.pauses.start(ADA, said(now))
    await ledger.signups.accept(ada, webhook_id="signup:1", received_ms=now)
    await ledger.signups.enroll(await ledger.enrollments.get(ADA), now_ms=now, announce=False)

    assert [job async for job in jobs(ledger)] == []
    held = await ledger.deliveries.claim(step_delivery_id(ADA, 1), worker="w1", now_ms=now)
    assert (held.reason, held.detail) == ("held", "paused")
