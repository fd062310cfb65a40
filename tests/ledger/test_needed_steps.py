"""A step that needs another step is sent only to contacts who were sent that step; for others it is skipped."""

from __future__ import annotations

from dataclasses import replace

import pytest

from common.domain.delivery import DeliveryStatus
from common.domain.enrollment import Status
from common.domain.ids import enrollment_id, step_delivery_id
from common.ledger.constants import NOT_SENT
from common.ledger.deliveries import ClaimGranted, ClaimRefused
from common.ledger.ledger import Ledger
from common.ledger.reads.contact_timeline import NotSent, read_contact_timeline
from tests.ledger_reads import timeline_of

DAY_MS = 86_400_000
ADA = enrollment_id("christmas_2025", "ada@example.org")
FIRST, SECOND, THIRD = (step_delivery_id(ADA, number) for number in (1, 2, 3))
BECAUSE = f"step-1 {NOT_SENT}"


@pytest.fixture
def cadence(cadence):
    """The second step needs the first one, the third is the last."""
    return replace(cadence, offsets_ms=cadence.offsets_ms[:3], needs={2: 1})


async def settle(ledger: Ledger, delivery, outcome, now_ms, *, detail="id", due_ms=None) -> None:
    claim = await ledger.deliveries.claim(delivery, worker="w1", now_ms=now_ms)
    assert isinstance(claim, ClaimGranted), claim
    await ledger.deliveries.freeze(claim, "mail", now_ms=now_ms)
    await ledger.deliveries.settle(claim, outcome, detail, now_ms=now_ms, due_ms=due_ms)


async def test_step_is_sent_to_a_contact_who_was_sent_the_step_it_needs(ledger: Ledger, began_ms):
    await settle(ledger, FIRST, "accepted", began_ms)

    assert isinstance(await ledger.deliveries.claim(SECOND, worker="w1", now_ms=began_ms + DAY_MS), ClaimGranted)


@pytest.mark.parametrize("outcome", ["dead", "skipped"])
async def test_step_is_skipped_when_the_step_it_needs_was_never_sent(ledger: Ledger, began_ms, outcome):
    await settle(ledger, FIRST, outcome, began_ms, detail="invalid")

    refused = await ledger.deliveries.claim(SECOND, worker="w1", now_ms=began_ms + DAY_MS)

    assert refused == ClaimRefused("exited", BECAUSE)
    enrollment = await ledger.enrollments.get(ADA)
    assert enrollment.step_status(2) == (DeliveryStatus.SKIPPED, BECAUSE)
    assert ("step 2 skipped", BECAUSE) in [(entry.what, entry.detail) for entry in await timeline_of(ledger, ADA)]


async def test_step_that_needs_an_unsent_step_is_not_shown_as_planned(ledger: Ledger, began_ms):
    await settle(ledger, FIRST, "skipped", began_ms)

    timeline = await read_contact_timeline(ledger, ADA, now_ms=began_ms)

    assert [one.what for one in timeline.next] == ["step 3 planned"]
    assert timeline.not_sent == [NotSent("step 2 not sent", BECAUSE)]


async def test_steps_after_a_skipped_step_keep_their_own_days(ledger: Ledger, began_ms):
    await settle(ledger, FIRST, "skipped", began_ms)
    await ledger.deliveries.claim(SECOND, worker="w1", now_ms=began_ms + DAY_MS)
    waiting = await ledger.enrollments.get(ADA)

    assert (waiting.next_step, waiting.next_due_ms) == (3, began_ms + 3 * DAY_MS)
    await settle(ledger, THIRD, "accepted", began_ms + 3 * DAY_MS)
    assert (await ledger.enrollments.get(ADA)).status is Status.COMPLETED


async def test_step_waits_while_the_step_it_needs_may_still_be_sent(ledger: Ledger, began_ms):
    later_ms = began_ms + 2 * DAY_MS
    await settle(ledger, FIRST, "retry", began_ms, detail="503", due_ms=later_ms)
    now_ms = began_ms + DAY_MS

    assert await ledger.deliveries.claim(SECOND, worker="w1", now_ms=now_ms) == ClaimRefused(
        "not yet", "", now_ms + 60_000
    )

    await settle(ledger, FIRST, "dead", later_ms, detail="invalid")
    assert await ledger.deliveries.claim(SECOND, worker="w1", now_ms=later_ms) == ClaimRefused("exited", BECAUSE)


async def test_attempted_step_continues_although_a_new_version_makes_it_need_another(ledger: Ledger, began_ms):
    await settle(ledger, FIRST, "skipped", began_ms)
    needs_nothing = replace(ledger.campaigns["christmas_2025"], cadence=replace(ledger.cadence, needs={}))
    needing = ledger.campaigns["christmas_2025"]
    ledger.replace(needs_nothing)
    due_ms = began_ms + DAY_MS
    await settle(ledger, SECOND, "retry", due_ms, detail="503", due_ms=due_ms + 60_000)
    ledger.replace(needing)

    again = await ledger.deliveries.claim(SECOND, worker="w1", now_ms=due_ms + 60_000)

    assert isinstance(again, ClaimGranted)
