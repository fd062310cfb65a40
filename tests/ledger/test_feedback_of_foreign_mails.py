"""The provider reports mails that Advent did not send. A bounce or complaint still ends mail to a known address."""

from __future__ import annotations

import pytest

from common.domain.enrollment import ExitReason, Status
from common.domain.feedback import UNKNOWN_ID, Feedback, FeedbackKind
from common.domain.ids import enrollment_id
from common.ledger import keys
from common.ledger.feedback import FeedbackAnswer
from common.ledger.ledger import Ledger
from tests.ledger_reads import timeline_of

ADA = enrollment_id("christmas_2025", "ada@example.org")


def complaint(at_ms: int, address: str = "ada@example.org") -> Feedback:
    """Return a complaint about a mail that carries none of our tags."""
    return Feedback(
        kind=FeedbackKind.COMPLAINED,
        delivery_id=None,
        contact_id=enrollment_id("christmas_2025", address),
        event_ms=at_ms,
        mailed_ms=at_ms,
        received_ms=at_ms + 5,
        provider_id=UNKNOWN_ID,
        address=address,
    )


async def lines_of(ledger: Ledger) -> list[str]:
    return [line.what for line in await timeline_of(ledger, ADA)]


@pytest.fixture
async def now_ms(ledger, ada, clock) -> int:
    """Enrol Ada. Return the time."""
    now_ms = clock.now_ms()
    await ledger.signups.accept(ada, webhook_id="signup:1", received_ms=now_ms)
    await ledger.signups.enroll(await ledger.enrollments.get(ADA), now_ms=now_ms, announce=False)
    return now_ms


async def test_a_complaint_about_a_foreign_mail_suppresses_the_address_and_ends_the_sequence(ledger, now_ms):
    answer = await ledger.feedback.record(complaint(now_ms), webhook_id="resend:1")

    assert answer == FeedbackAnswer(
        repeated=False, kind=FeedbackKind.COMPLAINED, delivery_id=None, received_ms=now_ms + 5
    )
    enrollment = await ledger.enrollments.get(ADA)
    assert (enrollment.status, enrollment.exit_reason) == (Status.EXITED, ExitReason.COMPLAINED)
    assert list(await ledger.store.read_hash(keys.SUPPRESSED)) == [ledger.store.address_hash("ada@example.org")]
    assert {"reported", "exited"} <= {*await lines_of(ledger)}


async def test_a_repeated_complaint_about_a_foreign_mail_gets_the_first_answer_and_changes_nothing(ledger, now_ms):
    first = await ledger.feedback.record(complaint(now_ms), webhook_id="resend:1")
    lines = await lines_of(ledger)
    again = await ledger.feedback.record(complaint(now_ms + 60_000), webhook_id="resend:1")

    assert (first.repeated, again.repeated, again.received_ms) == (False, True, first.received_ms)
    assert await lines_of(ledger) == lines


async def test_a_complaint_of_an_unknown_address_is_ignored_and_stores_nothing(ledger, now_ms):
    before = {*await ledger.client.keys("*")}
    answer = await ledger.feedback.record(complaint(now_ms, "stranger@example.org"), webhook_id="resend:1")

    assert answer.is_ignored
    assert {*await ledger.client.keys("*")} == before
    assert await ledger.store.read_hash(keys.SUPPRESSED) == {}
