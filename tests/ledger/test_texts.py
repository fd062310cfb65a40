"""An SMS answer is recorded once, for the contact to whom the SMS was sent, and for nobody else."""

from __future__ import annotations

import pytest

from common.domain.enrollment import ExitReason, Status
from common.domain.ids import DeliveryId
from common.domain.reminders import ReminderRules
from common.ledger import keys
from common.ledger.deliveries import ClaimGranted
from common.ledger.ledger import Ledger
from tests.ledger.planned import HOUR_MS, NUMBER, SMS_RULES, book, plan_sms, plan_step
from tests.ledger_reads import timeline_of

ADA, OTHER = "ada@example.org", "+14165550199"
TWICE = ReminderRules(before_ms=(), minimum_notice_ms=0, sms_before_ms=(("24h", 24 * HOUR_MS), ("23h", 23 * HOUR_MS)))


@pytest.fixture
def now_ms(clock) -> int:
    return clock.now_ms()


async def send(ledger: Ledger, sms: DeliveryId, number: str, at_ms: int) -> None:
    claim = await ledger.deliveries.claim(sms, worker="w1", now_ms=at_ms)
    assert isinstance(claim, ClaimGranted)
    await ledger.deliveries.freeze(claim, "text", now_ms=at_ms, number=number)
    await ledger.deliveries.settle(claim, "accepted", "SM1", now_ms=at_ms)


async def answers(ledger: Ledger, contact: str) -> list[str]:
    return [line.detail for line in await timeline_of(ledger, contact) if line.what == "sms answer"]


async def test_sms_answer_that_may_concern_two_calls_is_on_the_timeline_once(ledger, now_ms):
    for uid in ("one", "two"):
        reminder, contact = await book(ledger, ADA, now_ms, uid=uid, rules=SMS_RULES)
        await send(ledger, DeliveryId(f"{reminder}.sms"), NUMBER, now_ms)

    await ledger.texts.receive(NUMBER, "answer", "Late", webhook_id="twilio:SM1", now_ms=now_ms)

    assert await answers(ledger, contact) == ["Late"]


async def test_sms_answer_from_a_replaced_number_belongs_to_no_contact(ledger, now_ms):
    reminder, contact = await book(ledger, ADA, now_ms, rules=TWICE)
    await send(ledger, DeliveryId(f"{reminder}.sms"), NUMBER, now_ms)
    await send(ledger, DeliveryId(f"{reminder.replace('24h', '23h')}.sms"), OTHER, now_ms + HOUR_MS)

    await ledger.texts.receive(NUMBER, "answer", "Who is this?", webhook_id="twilio:SM1", now_ms=now_ms)
    await ledger.texts.receive(OTHER, "answer", "Coming", webhook_id="twilio:SM2", now_ms=now_ms)

    assert await answers(ledger, contact) == ["Coming"]


async def test_resting_mailbox_does_not_stop_an_sms(ledger, now_ms):
    sms = await plan_sms(ledger, now_ms)
    await ledger.client.hset(keys.RESTING, ledger.store.address_hash(sms.address), f"{now_ms} 3")

    claim = await sms.claimed()

    assert await ledger.deliveries.freeze(claim, "text", now_ms=now_ms, number=NUMBER) == 1


async def test_number_that_refuses_sms_does_not_end_the_enrollment(ledger, now_ms):
    step, sms = await plan_step(ledger, now_ms), await plan_sms(ledger, now_ms)
    claim = await sms.frozen()
    await ledger.deliveries.settle(claim, "dead", "twilio_21614", now_ms=now_ms, ends=ExitReason.REFUSED, number=NUMBER)

    enrollment = await ledger.enrollments.get(step.contact)

    assert enrollment is not None
    assert enrollment.status is Status.ACTIVE
