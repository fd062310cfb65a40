"""The provider's reports change what is sent: a contact's whole campaign, in virtual time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from common.domain.delivery import DeliveryStatus
from common.domain.enrollment import ExitReason, Status
from common.domain.feedback import Feedback, FeedbackKind
from common.domain.ids import EnrollmentId, booking_id, enrollment_id, reminder_delivery_id, step_delivery_id
from common.errors import Ambiguous
from tests.ledger_reads import dead_letters_of, record_of, timeline_of

HOUR_MS = 3_600_000
CHEN = enrollment_id("christmas_2025", "chen@example.org")


async def reported(simulation, kind, delivery, *, who=CHEN, address="chen@example.org", mailed_ms=None, id="") -> None:
    now_ms = simulation.clock.now_ms()
    feedback = Feedback(
        kind=kind,
        delivery_id=delivery,
        contact_id=EnrollmentId(who),
        event_ms=now_ms,
        mailed_ms=mailed_ms or now_ms,
        received_ms=now_ms,
        provider_id="re_1",
        address=address,
    )
    await simulation.ledger.feedback.record(feedback, webhook_id=f"resend:{id or f'{kind}-{now_ms}'}")


async def until_h(simulation, hours: float) -> None:
    await simulation.run(until_ms=simulation.clock.now_ms() + round(hours * HOUR_MS))


def subjects(simulation, address="chen@example.org") -> int:
    return len(simulation.mailer.inbox_of(address))


async def test_bounce_in_the_same_millisecond_is_shown_after_the_acceptance(simulation, chen):
    await simulation.sign_up(chen)
    await simulation.run(until_ms=simulation.clock.now_ms())
    await reported(simulation, FeedbackKind.BOUNCED, step_delivery_id(CHEN, 1))

    happened = [entry.what for entry in await timeline_of(simulation.ledger, CHEN)]
    assert happened == ["signed up", "step 1 accepted", "step 1 bounced", "exited"]


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (FeedbackKind.BOUNCED, ExitReason.BOUNCED),
        (FeedbackKind.COMPLAINED, ExitReason.COMPLAINED),
        (FeedbackKind.SUPPRESSED, ExitReason.BOUNCED),
    ],
)
async def test_bounce_or_complaint_ends_all_mail_to_the_contact(simulation, chen, kind, reason):
    await simulation.sign_up(chen)
    await until_h(simulation, 30)
    await reported(simulation, kind, step_delivery_id(CHEN, 2))
    await simulation.run()

    assert subjects(simulation) == 2
    row = simulation.mirror.rows[CHEN]
    assert (row.status, row.exit_reason) == (Status.EXITED, reason)
    assert [row.step_status(step)[0] for step in (1, 3, 7)] == [
        DeliveryStatus.ACCEPTED,
        DeliveryStatus.SKIPPED,
        DeliveryStatus.SKIPPED,
    ]
    # A suppression covers all later mail too: of a second campaign, or of the same one after another signup.
    await simulation.sign_up(chen)
    await simulation.run()
    assert subjects(simulation) == 2


async def test_soft_bounce_does_not_stop_the_next_mails(simulation, chen):
    await simulation.sign_up(chen)
    await until_h(simulation, 1)
    await reported(simulation, FeedbackKind.SOFT_BOUNCED, step_delivery_id(CHEN, 1))
    await simulation.run()

    assert subjects(simulation) == 7
    assert simulation.mirror.rows[CHEN].status is Status.COMPLETED


async def test_opens_and_clicks_do_not_change_what_is_sent(simulation, ada, chen):
    ada_id = enrollment_id("christmas_2025", ada.email)
    await simulation.sign_up(ada)
    await simulation.sign_up(chen)
    for step in range(1, 8):
        await until_h(simulation, 1 if step == 1 else 48)
        for kind in (FeedbackKind.DELIVERED, FeedbackKind.OPENED, FeedbackKind.CLICKED):
            await reported(
                simulation, kind, step_delivery_id(ada_id, step), who=ada_id, address=ada.email, id=f"{kind}-{step}"
            )
    await simulation.run()

    assert subjects(simulation, ada.email) == subjects(simulation, chen.email) == 7


async def test_webhook_settles_a_lost_answer_without_another_request(simulation, chen, clock):
    asked = []

    def trouble(mail):
        asked.append(mail.tags["step"])
        return Ambiguous("timeout") if mail.tags["step"] == "step-1" else None

    simulation.mailer.failure = trouble
    await simulation.sign_up(chen)
    await until_h(simulation, 10 / 3600)
    await reported(simulation, FeedbackKind.DELIVERED, step_delivery_id(CHEN, 1))
    await simulation.run()

    assert asked == [f"step-{step}" for step in range(1, 8)]
    assert simulation.mirror.rows[CHEN].records[1].status is DeliveryStatus.DELIVERED
    assert await dead_letters_of(simulation.ledger) == []


async def test_bounced_reminder_is_the_last_one(simulation, clock):
    start_ms = clock.now_ms() + 100 * HOUR_MS
    await simulation.book("chen@example.org", start_ms, uid="uid-1")
    await until_h(simulation, 50)
    bounced = reminder_delivery_id(booking_id("uid-1"), start_ms=start_ms, name="72h")
    await reported(simulation, FeedbackKind.BOUNCED, bounced)
    await simulation.run()

    assert subjects(simulation) == 1
    last = reminder_delivery_id(booking_id("uid-1"), start_ms=start_ms, name="2h")
    final_statuses = [(await record_of(simulation.ledger, delivery)) for delivery in (bounced, last)]
    assert [(one.status, one.detail) for one in final_statuses[1:]] == [(DeliveryStatus.SKIPPED, "bounced")]
    assert final_statuses[0].status is DeliveryStatus.BOUNCED
    lines = [entry.what for entry in await timeline_of(simulation.ledger, CHEN)]
    assert "reminder 72h bounced" in lines
    assert lines.count("reminder 72h accepted") == 1


class QuickWebhook:
    """A mailer whose mail Resend accepts and reports by webhook, before the answer is lost."""

    def __init__(self, simulation) -> None:
        self._story, self.asked = simulation, 0

    async def send(self, mail, *, idempotency_key):
        self.asked += 1
        await self._story.mailer.send(mail, idempotency_key=idempotency_key)
        await reported(self._story, FeedbackKind.DELIVERED, step_delivery_id(CHEN, 1), id="quick")
        raise Ambiguous("read_timeout")


async def test_webhook_that_precedes_a_lost_answer_prevents_the_retry(simulation, chen):
    real, quick = simulation.world, QuickWebhook(simulation)
    simulation.world = replace(real, mailer=quick)
    await simulation.sign_up(chen)
    await until_h(simulation, 1)
    simulation.world = real
    await simulation.run()

    record = (await simulation.ledger.enrollments.get(CHEN)).records[1]
    assert (quick.asked, record.status, record.attempts, record.detail) == (
        1,
        DeliveryStatus.DELIVERED,
        1,
        "re_1",
    )
    assert subjects(simulation) == 7
