"""When two mails of a contact are due, the earlier is sent first; a mail that fails for its own reason delays none."""

from __future__ import annotations

import pytest

from common.domain.ids import enrollment_id, step_delivery_id
from common.ledger import keys
from common.ledger.constants import MAIL
from common.ledger.deliveries import ClaimGranted, ClaimRefused
from common.ledger.ledger import Ledger

ADA = enrollment_id("christmas_2025", "ada@example.org")
FIRST, SECOND = step_delivery_id(ADA, 1), step_delivery_id(ADA, 2)
DAY_MS = 86_400_000
FAILED = "{advent}:queue:__failed__.send"


@pytest.fixture
async def waits(ledger: Ledger, ada, clock) -> int:
    """Let Ada's first mail wait after a failed probe until her second is due. Return that time."""
    now_ms = clock.now_ms()
    await ledger.signups.accept(ada, webhook_id="signup:1", received_ms=now_ms)
    await ledger.signups.enroll(await ledger.enrollments.get(ADA), now_ms=now_ms, announce=False)
    claim = await ledger.deliveries.claim(FIRST, worker="w1", now_ms=now_ms)
    assert isinstance(claim, ClaimGranted)
    await ledger.deliveries.freeze(claim, "mail", now_ms=now_ms)
    await ledger.deliveries.settle(claim, "defer", "bad_gateway", now_ms=now_ms, due_ms=now_ms + DAY_MS)
    return now_ms + DAY_MS


async def closed(ledger: Ledger, now_ms: int) -> None:
    """Open the circuit so that a probe is due now."""
    await ledger.circuits.report_failure(MAIL, id=FIRST, reason="connect", provider_wide=True, now_ms=now_ms - 5_000)


async def test_second_mail_waits_a_moment_for_the_first(ledger: Ledger, waits):
    assert await ledger.deliveries.claim(SECOND, worker="w1", now_ms=waits) == ClaimRefused(
        "not yet", "", waits + 1_000
    )
    assert await ledger.client.zscore(keys.delayed("send"), SECOND) == waits + 1_000
    assert isinstance(await ledger.deliveries.claim(FIRST, worker="w1", now_ms=waits), ClaimGranted)


async def test_second_mail_does_not_wait_for_a_retry_that_is_due_later(ledger: Ledger, waits):
    claim = await ledger.deliveries.claim(FIRST, worker="w1", now_ms=waits)
    await ledger.deliveries.freeze(claim, "mail", now_ms=waits)
    await ledger.deliveries.settle(claim, "retry", "timeout", now_ms=waits, due_ms=waits + 60_000, outcome_unknown=True)

    assert isinstance(await ledger.deliveries.claim(SECOND, worker="w1", now_ms=waits), ClaimGranted)


async def test_first_mail_does_not_wait_for_the_second_when_both_are_retried(ledger: Ledger, waits):
    for delivery in (FIRST, SECOND):
        claim = await ledger.deliveries.claim(delivery, worker="w1", now_ms=waits)
        await ledger.deliveries.freeze(claim, "mail", now_ms=waits)
        await ledger.deliveries.settle(claim, "retry", "timeout", now_ms=waits, due_ms=waits + 60_000)

    assert isinstance(await ledger.deliveries.claim(FIRST, worker="w1", now_ms=waits + 60_000), ClaimGranted)


async def test_second_mail_does_not_wait_for_a_dead_letter(ledger: Ledger, waits):
    claim = await ledger.deliveries.claim(FIRST, worker="w1", now_ms=waits)
    await ledger.deliveries.settle(claim, "dead", "validation_error", now_ms=waits)

    assert isinstance(await ledger.deliveries.claim(SECOND, worker="w1", now_ms=waits), ClaimGranted)


async def test_second_mail_does_not_wait_for_an_unattempted_one(ledger: Ledger, waits):
    await ledger.client.delete(keys.delivery(FIRST))

    assert isinstance(await ledger.deliveries.claim(SECOND, worker="w1", now_ms=waits), ClaimGranted)


async def test_second_mail_passes_its_turn_as_a_probe_to_the_first(ledger: Ledger, waits):
    await closed(ledger, waits)
    await ledger.client.zadd(keys.delayed("send"), {FIRST: waits + 1_500})

    assert (await ledger.deliveries.claim(SECOND, worker="w1", now_ms=waits)).reason == "not yet"
    assert await ledger.client.smembers(FAILED) == {SECOND.encode()}
    assert await ledger.client.zscore(keys.delayed("send"), FIRST) == waits
    assert isinstance(await ledger.deliveries.claim(FIRST, worker="w1", now_ms=waits), ClaimGranted)


async def test_replay_does_not_wait_for_an_earlier_mail(ledger: Ledger, waits):
    await ledger.client.hset(keys.delivery(FIRST), "not_before_ms", waits + 60_000)
    claim = await ledger.deliveries.claim(SECOND, worker="w1", now_ms=waits)
    await ledger.deliveries.settle(claim, "dead", "validation_error", now_ms=waits)
    await ledger.dead_letters.replay(SECOND, now_ms=waits + 60_000, way="fresh")

    assert isinstance(await ledger.deliveries.claim(SECOND, worker="w1", now_ms=waits + 60_000), ClaimGranted)
