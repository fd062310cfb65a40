"""A webhook reports a mail after its worker missed the provider's answer and died."""

from __future__ import annotations

import pytest

from common.domain.delivery import DeliveryStatus
from common.domain.enrollment import ExitReason, Status
from common.domain.ids import step_delivery_id
from common.ledger import keys
from common.ledger.deliveries import ClaimGranted, ClaimRefused
from common.ledger.ledger import Ledger
from tests.ledger.test_feedback import ADA, K, about, enrolled, final_status, in_hand, tell
from tests.ledger_reads import dead_letters_of


async def lost_in_hand(ledger: Ledger, now_ms: int, *workers: str, step: int = 1) -> None:
    """Let each worker in turn claim and freeze the step and die; report the step as sent before the last death."""
    for worker in workers:
        await ledger.client.zadd(keys.HEARTBEATS, {worker: 9e15})
        claim = await ledger.deliveries.claim(step_delivery_id(ADA, step), worker=worker, now_ms=now_ms)
        assert isinstance(claim, ClaimGranted), claim
        await ledger.deliveries.freeze(claim, "mail", now_ms=now_ms)
        if worker == workers[-1]:
            await tell(ledger, about(K.SENT, now_ms + 500, step=step))
        await ledger.client.zrem(keys.HEARTBEATS, worker)


async def test_reported_mail_is_not_dead_lettered_at_its_third_worker_death(ledger, ada, clock):
    now = clock.now_ms()
    await enrolled(ledger, ada, now)
    await lost_in_hand(ledger, now, "a", "b", "c")

    answer = await ledger.deliveries.claim(step_delivery_id(ADA, 1), worker="w2", now_ms=now + 1_000)

    assert answer == ClaimRefused("already", "accepted")
    record = (await ledger.enrollments.get(ADA)).records[1]
    assert (record.status, record.sent_ms, record.attempts, record.detail) == (
        DeliveryStatus.ACCEPTED,
        now + 499,
        3,
        "re_told",
    )
    assert (await ledger.store.read_hash(keys.enrollment(ADA)))["last_sent_ms"] == str(now + 499)
    assert await dead_letters_of(ledger) == []
    assert await ledger.client.zcard(keys.OPEN) == 0


@pytest.mark.parametrize("left", ["this sequence", "all mail, by another campaign"])
async def test_reported_mail_of_a_dead_worker_is_accepted_although_its_contact_left(ledger, ada, clock, left):
    now = clock.now_ms()
    await enrolled(ledger, ada, now)
    await lost_in_hand(ledger, now, "w1")
    if left == "this sequence":
        await ledger.enrollments.exit(ADA, ExitReason.UNSUBSCRIBED, address_hash=None, now_ms=now + 600)
    else:
        await ledger.client.hset(keys.SUPPRESSED, ledger.store.address_hash(ada.email), f"unsubscribed {now + 600}")

    answer = await ledger.deliveries.claim(step_delivery_id(ADA, 1), worker="w2", now_ms=now + 1_000)

    assert answer == ClaimRefused("already", "accepted")
    assert await final_status(ledger) is DeliveryStatus.ACCEPTED


async def test_mail_that_bounced_before_its_worker_died_without_an_answer_has_bounced(ledger, ada, clock):
    now = clock.now_ms()
    await enrolled(ledger, ada, now)
    await in_hand(ledger, now)
    await tell(ledger, about(K.BOUNCED, now + 500))
    await ledger.enrollments.exit(ADA, ExitReason.BOUNCED, address_hash=None, now_ms=now + 500)
    await ledger.client.zrem(keys.HEARTBEATS, "w1")

    await ledger.deliveries.claim(step_delivery_id(ADA, 1), worker="w2", now_ms=now + 1_000)

    assert await final_status(ledger) is DeliveryStatus.BOUNCED


async def test_reported_mail_is_no_longer_marked_as_sending(ledger, ada, clock):
    now = clock.now_ms()
    await enrolled(ledger, ada, now)
    await lost_in_hand(ledger, now, "a", "b", "c")

    await ledger.deliveries.claim(step_delivery_id(ADA, 1), worker="w2", now_ms=now + 1_000)

    assert "sending" not in await ledger.store.read_hash(keys.enrollment(ADA))


async def test_reported_mail_leaves_another_mail_marked_as_sending(ledger, ada, clock):
    now = clock.now_ms()
    await enrolled(ledger, ada, now)
    await ledger.deliveries.settle(await in_hand(ledger, now), "dead", "timeout", now_ms=now, outcome_unknown=True)
    now += 30 * 3_600_000
    await in_hand(ledger, now, step=2)

    await tell(ledger, about(K.DELIVERED, now))

    assert (await ledger.store.read_hash(keys.enrollment(ADA)))["sending"].startswith("step-2 ")


async def test_enrollment_completes_when_its_last_mail_is_reported(ledger, ada, clock):
    now = clock.now_ms()
    await enrolled(ledger, ada, now)
    for step in range(1, 7):
        assert await ledger.deliveries.settle(
            await in_hand(ledger, now, step=step), "accepted", f"re_{step}", now_ms=now
        )
        now += 50 * 3_600_000
    await lost_in_hand(ledger, now, "a", "b", "c", step=7)

    await ledger.deliveries.claim(step_delivery_id(ADA, 7), worker="w2", now_ms=now + 1_000)

    assert (await ledger.enrollments.get(ADA)).status is Status.COMPLETED
