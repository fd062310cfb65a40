"""The provider's feedback on a mail: in any order, repeated, before or after the acceptance is recorded."""

from __future__ import annotations

from dataclasses import replace
from itertools import count, permutations

import pytest

from common.domain.delivery import DeliveryStatus
from common.domain.enrollment import ExitReason, Status
from common.domain.feedback import Feedback, FeedbackKind
from common.domain.ids import EnrollmentId, enrollment_id, step_delivery_id
from common.ledger import keys
from common.ledger.codec import Settled
from common.ledger.deliveries import ClaimGranted
from common.ledger.ledger import Ledger
from tests.ledger.planned import NUMBER, plan_sms, plan_step
from tests.ledger_reads import dead_letters_of, is_ended, timeline_of

ADA = enrollment_id("christmas_2025", "ada@example.org")
NUMBERS = count(1)
K = FeedbackKind


def about(kind: FeedbackKind, at_ms: int, *, step: int = 1, who: EnrollmentId = ADA, detail: str = "") -> Feedback:
    return Feedback(
        kind=kind,
        delivery_id=step_delivery_id(who, step),
        contact_id=who,
        event_ms=at_ms,
        mailed_ms=at_ms - 1,
        received_ms=at_ms + 5,
        provider_id="re_told",
        address="ada@example.org",
        detail=detail,
    )


async def tell(ledger: Ledger, feedback: Feedback, *, id: str = "") -> None:
    await ledger.feedback.record(feedback, webhook_id=f"resend:{id or next(NUMBERS)}")


async def enrolled(ledger, person, now_ms):
    await ledger.signups.accept(person, webhook_id="signup:1", received_ms=now_ms)
    await ledger.signups.enroll(await ledger.enrollments.get(ADA), now_ms=now_ms, announce=False)


async def in_hand(ledger, now_ms, *, step=1) -> ClaimGranted:
    claim = await ledger.deliveries.claim(step_delivery_id(ADA, step), worker="w1", now_ms=now_ms)
    assert isinstance(claim, ClaimGranted), claim
    await ledger.deliveries.freeze(claim, "mail", now_ms=now_ms)
    return claim


@pytest.fixture
async def sent(ledger, ada, clock) -> int:
    """Have Ada's first mail accepted now. Return the time."""
    now = clock.now_ms()
    await enrolled(ledger, ada, now)
    assert await ledger.deliveries.settle(await in_hand(ledger, now), "accepted", "re_1", now_ms=now)
    return now


async def final_status(ledger, step=1):
    enrollment = await ledger.enrollments.get(ADA)
    return enrollment.step_status(step)[0]


async def state(ledger):
    """Return all that must not depend on the order of events; the timeline, revision and time of exit may."""
    fields = await ledger.store.read_hash(keys.enrollment(ADA))
    for name in ("revision", "ended_ms"):
        fields.pop(name, None)
    counts = {name: n for name, n in (await ledger.store.read_hash(keys.COUNTS)).items() if n != "0"}
    return (
        fields,
        counts,
        await ledger.store.read_hash(keys.feedback(ADA)),
        await ledger.store.read_hash(keys.SUPPRESSED),
    )


async def test_delivered_mail_keeps_its_provider_id_and_time_of_sending(ledger, sent):
    await tell(ledger, about(K.SENT, sent + 10))
    await tell(ledger, about(K.DELIVERED, sent + 20))

    record = (await ledger.enrollments.get(ADA)).records[1]
    assert (record.status, record.at_ms, record.sent_ms, record.detail) == (
        DeliveryStatus.DELIVERED,
        sent + 20,
        sent,
        "re_1",
    )
    assert await ledger.store.read_hash(keys.COUNTS) == {
        "accepted": "0",
        "active": "1",
        "delivery:accepted": "0",
        "delivery:delivered": "1",
    }


async def test_failed_sms_without_a_number_suppresses_no_address(ledger, clock):
    planned = await plan_sms(ledger, clock.now_ms())
    report = replace(
        about(K.BOUNCED, clock.now_ms(), who=planned.contact),
        delivery_id=planned.id,
        number_ends=ExitReason.REFUSED,
    )
    await tell(ledger, report)
    claim = await ledger.deliveries.claim(planned.id, worker="w1", now_ms=clock.now_ms())
    assert isinstance(claim, ClaimGranted)
    assert await ledger.deliveries.settle(claim, "dead", "twilio_21614", now_ms=clock.now_ms(), ends=ExitReason.REFUSED)

    assert await ledger.store.read_hash(keys.SUPPRESSED) == {}


async def test_a_number_that_can_receive_no_sms_is_suppressed_and_mail_goes_on(ledger, clock):
    await plan_step(ledger, clock.now_ms())
    planned = await plan_sms(ledger, clock.now_ms())
    report = replace(
        about(K.BOUNCED, clock.now_ms()), delivery_id=planned.id, number=NUMBER, number_ends=ExitReason.REFUSED
    )
    await tell(ledger, report)

    assert await is_ended(ledger, NUMBER)
    assert (await ledger.enrollments.get(ADA)).status is Status.ACTIVE


@pytest.mark.parametrize(
    ("kind", "detail", "shown", "reason"),
    [
        (K.BOUNCED, "Permanent General", DeliveryStatus.BOUNCED, ExitReason.BOUNCED),
        (K.COMPLAINED, "", DeliveryStatus.COMPLAINED, ExitReason.COMPLAINED),
        (K.SUPPRESSED, "previous_bounce", DeliveryStatus.BOUNCED, ExitReason.BOUNCED),
        (K.SUPPRESSED, "previous_complaint", DeliveryStatus.BOUNCED, ExitReason.COMPLAINED),
    ],
)
async def test_bounce_or_complaint_ends_the_enrollment_and_suppresses_the_address(
    ledger, sent, kind, detail, shown, reason
):
    await tell(ledger, about(kind, sent + 20, detail=detail))

    enrollment = await ledger.enrollments.get(ADA)
    assert (enrollment.status, enrollment.exit_reason, enrollment.next_step) == (Status.EXITED, reason, None)
    assert enrollment.step_status(1)[0] is shown
    assert enrollment.step_status(2) == (DeliveryStatus.SKIPPED, reason)
    assert await ledger.store.read_hash(keys.SUPPRESSED) == {
        ledger.store.address_hash("ada@example.org"): f"{reason} {sent + 20}"
    }
    assert await ledger.client.zcard(keys.delayed("send")) == 0
    assert await ledger.client.zscore(keys.CHANGED, ADA) is not None


@pytest.mark.parametrize("kind", [K.SENT, K.DELIVERED, K.DELAYED, K.SOFT_BOUNCED, K.FAILED, K.OPENED, K.CLICKED])
async def test_other_feedback_neither_ends_an_enrollment_nor_suppresses_an_address(ledger, sent, kind):
    await tell(ledger, about(kind, sent + 20))

    enrollment = await ledger.enrollments.get(ADA)
    assert (enrollment.status, enrollment.next_step) == (Status.ACTIVE, 2)
    assert enrollment.step_status(1)[0] is (
        DeliveryStatus.DELIVERED if kind is K.DELIVERED else DeliveryStatus.ACCEPTED
    )
    assert await ledger.client.hlen(keys.SUPPRESSED) == 0


async def test_repeated_feedback_webhook_gets_its_first_answer_and_does_nothing(ledger, sent):
    first = await ledger.feedback.record(about(K.OPENED, sent + 20), webhook_id="resend:msg_1")
    again = await ledger.feedback.record(about(K.COMPLAINED, sent + 90, step=2), webhook_id="resend:msg_1")

    assert (first.repeated, again.repeated) == (False, True)
    assert (first.kind, first.delivery_id, first.received_ms) == (again.kind, again.delivery_id, again.received_ms)
    assert [(one.kind, one.times) for one in await ledger.feedback.of(ADA)] == [(K.OPENED, 1)]
    assert await final_status(ledger) is DeliveryStatus.ACCEPTED


async def test_feedback_state_is_independent_of_order_and_repetition(ledger, ada, clock):
    now = clock.now_ms()
    events = [
        about(K.DELIVERED, now + 20),
        about(K.OPENED, now + 30),
        about(K.SOFT_BOUNCED, now + 15, detail="Transient MailboxFull"),
        about(K.BOUNCED, now + 40, detail="Permanent General", step=2),
        about(K.COMPLAINED, now + 50),
    ]
    states = []
    for number, order in enumerate(permutations(range(len(events)))):
        await ledger.client.flushall()
        await ledger.client.zadd(keys.HEARTBEATS, {"w1": 9e15})
        await enrolled(ledger, ada, now)
        claim = await in_hand(ledger, now)
        settled_after = number % (len(events) + 1)
        for place, event in enumerate([*order, *order]):
            if place == settled_after:
                assert await ledger.deliveries.settle(claim, "accepted", "re_1", now_ms=now)
            await tell(ledger, events[event], id=f"msg_{event}")
        states.append(await state(ledger))

    fields, _, _, suppressed = states[0]
    assert (fields["/step-1"].split()[0], fields["status"], fields["exit_reason"]) == (
        "complained",
        "exited",
        "complained",
    )
    assert list(suppressed.values()) == [f"complained {now + 50}"]
    assert all(one == states[0] for one in states)


async def test_feedback_details_are_independent_of_the_order_of_webhooks(ledger, sent):
    events = {
        "a": about(K.OPENED, sent + 30),
        "b": about(K.OPENED, sent + 20),
        "c": about(K.SOFT_BOUNCED, sent + 9, detail="z"),
        "d": about(K.SOFT_BOUNCED, sent + 9, detail="b"),
    }
    kept = []
    for order in permutations(events):
        await ledger.client.delete(keys.feedback(ADA), *(keys.webhook(f"resend:{id}") for id in events))
        for id in (*order, *order):
            await tell(ledger, events[id], id=id)
        kept.append(await ledger.store.read_hash(keys.feedback(ADA)))

    assert kept[0] == {"step-1 opened": f"{sent + 20} 2 ", "step-1 soft-bounced": f"{sent + 9} 2 b"}
    assert all(one == kept[0] for one in kept)


async def test_feedback_before_the_settle_is_applied_by_the_settle(ledger, ada, clock):
    now = clock.now_ms()
    await enrolled(ledger, ada, now)
    claim = await in_hand(ledger, now)
    await tell(ledger, about(K.SENT, now + 1))
    await tell(ledger, about(K.BOUNCED, now + 2, detail="Permanent General"))
    assert await final_status(ledger) is not DeliveryStatus.BOUNCED

    assert await ledger.deliveries.settle(claim, "accepted", "re_1", now_ms=now + 3)

    record = (await ledger.enrollments.get(ADA)).records[1]
    assert (record.status, record.at_ms, record.sent_ms, record.detail) == (
        DeliveryStatus.BOUNCED,
        now + 2,
        now + 3,
        "re_1",
    )


async def test_feedback_shows_the_acceptance_of_a_mail_after_a_lost_answer(ledger, ada, clock):
    now = clock.now_ms()
    await enrolled(ledger, ada, now)
    claim = await in_hand(ledger, now)
    assert await ledger.deliveries.settle(
        claim, "retry", "timeout", now_ms=now, due_ms=now + 60_000, outcome_unknown=True
    )

    await tell(ledger, about(K.DELIVERED, now + 500))

    record = (await ledger.enrollments.get(ADA)).records[1]
    assert (record.status, record.sent_ms, record.attempts, record.detail) == (
        DeliveryStatus.DELIVERED,
        now + 499,
        1,
        "re_told",
    )
    assert await ledger.client.zscore(keys.delayed("send"), claim.id) is None
    assert await ledger.client.zcard(keys.OPEN) == 0


FAILED = [
    {"outcome": "retry", "due_ms": 60_000, "doubt": True},
    {"outcome": "defer", "due_ms": 60_000},
    {"outcome": "dead", "doubt": True},
    {"outcome": "skipped"},
]


@pytest.mark.parametrize("reported_first", [K.SENT, K.DELIVERED])
@pytest.mark.parametrize("settled", FAILED, ids=lambda settled: settled["outcome"])
async def test_feedback_on_a_claimed_mail_decides_its_status_whatever_its_worker_settles(
    ledger, ada, clock, settled, reported_first
):
    now = clock.now_ms()
    await enrolled(ledger, ada, now)
    claim = await in_hand(ledger, now)
    await tell(ledger, about(reported_first, now + 500))

    due_ms = now + settled["due_ms"] if "due_ms" in settled else None
    unknown = settled.get("doubt", False)
    answer = await ledger.deliveries.settle(
        claim, settled["outcome"], "why", now_ms=now + 600, due_ms=due_ms, outcome_unknown=unknown
    )

    assert answer == Settled(None, is_reported=True)
    record = (await ledger.enrollments.get(ADA)).records[1]
    final_status = DeliveryStatus.DELIVERED if reported_first is K.DELIVERED else DeliveryStatus.ACCEPTED
    assert (record.status, record.sent_ms, record.attempts, record.detail) == (
        final_status,
        now + 499,
        1,
        "re_told",
    )
    assert await ledger.client.zscore(keys.delayed("send"), claim.id) is None
    assert await ledger.client.zcard(keys.OPEN) == 0
    assert await dead_letters_of(ledger) == []


async def test_failure_feedback_on_a_claimed_mail_does_not_replace_its_retry(ledger, ada, clock):
    now = clock.now_ms()
    await enrolled(ledger, ada, now)
    claim = await in_hand(ledger, now)
    await tell(ledger, about(K.FAILED, now + 500))

    assert await ledger.deliveries.settle(
        claim, "retry", "timeout", now_ms=now, due_ms=now + 60_000, outcome_unknown=True
    ) == Settled(None)
    assert await ledger.client.zscore(keys.delayed("send"), claim.id) == now + 60_000


async def test_feedback_does_not_wait_for_a_dead_worker(ledger, ada, clock):
    now = clock.now_ms()
    await enrolled(ledger, ada, now)
    await in_hand(ledger, now)
    await ledger.client.zrem(keys.HEARTBEATS, "w1")

    await tell(ledger, about(K.SENT, now + 500))

    assert await final_status(ledger) is DeliveryStatus.ACCEPTED


async def test_dead_letter_reported_as_delivered_is_a_dead_letter_no_longer(ledger, ada, clock):
    now = clock.now_ms()
    await enrolled(ledger, ada, now)
    claim = await in_hand(ledger, now)
    assert await ledger.deliveries.settle(claim, "dead", "four tries failed", now_ms=now, outcome_unknown=True)

    await tell(ledger, about(K.FAILED, now + 400, detail="reached_daily_quota"))
    assert await final_status(ledger) is DeliveryStatus.DEAD
    await tell(ledger, about(K.DELIVERED, now + 500))

    assert await final_status(ledger) is DeliveryStatus.DELIVERED
    assert await dead_letters_of(ledger) == []


async def test_timeline_shows_each_kind_of_feedback_once(ledger, sent):
    for at, kind in ((10, K.SENT), (20, K.DELIVERED), (30, K.OPENED), (40, K.OPENED), (50, K.COMPLAINED)):
        await tell(ledger, about(kind, sent + at))

    lines = [(entry.at_ms - sent, entry.what, entry.detail) for entry in await timeline_of(ledger, ADA)]
    assert lines == [
        (0, "signed up", "CRITICAL"),
        (0, "step 1 accepted", "re_1"),
        (20, "step 1 delivered", ""),
        (30, "step 1 opened", "2 times"),
        (50, "step 1 complained", ""),
        (55, "exited", "complained"),
    ]


async def test_timeline_shows_the_acceptance_before_an_earlier_delivery_report(ledger, sent):
    await tell(ledger, about(K.DELIVERED, sent - 30))

    assert [entry.what for entry in await timeline_of(ledger, ADA)][1:] == ["step 1 accepted", "step 1 delivered"]


async def test_complaint_replaces_the_unsubscription_before_it(ledger, sent):
    await ledger.enrollments.unsubscribe(
        ADA, address_hash=ledger.store.address_hash("ada@example.org"), now_ms=sent + 10
    )
    await tell(ledger, about(K.COMPLAINED, sent + 50))

    assert (await ledger.enrollments.get(ADA)).exit_reason is ExitReason.COMPLAINED
    assert await final_status(ledger) is DeliveryStatus.COMPLAINED


async def test_bounce_of_an_unknown_contact_stores_only_the_suppression(ledger, clock):
    await tell(ledger, about(K.BOUNCED, clock.now_ms()), id="msg_1")

    kept = {key.decode() for key in await ledger.client.keys() if b":webhooks:" not in key}
    assert kept == {keys.SUPPRESSED, keys.webhook("resend:msg_1"), keys.WEBHOOK_DAYS, keys.HEARTBEATS}
