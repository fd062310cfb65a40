"""What a rebuild may add to a contact who is already in the ledger, and what it leaves alone."""

from __future__ import annotations

from typing import Any

import pytest

from common.domain.enrollment import ExitReason, Status
from common.domain.ids import enrollment_id, step_delivery_id
from common.domain.notion_import import Restored
from common.ledger import keys
from common.ledger.deliveries import ClaimRefused
from common.ledger.enrollments import Restoration
from common.ledger.ledger import Ledger
from tests.ledger.planned import restored_of

HOUR_MS = 3_600_000
ADA = enrollment_id("christmas_2025", "ada@example.org")
STEP_1, STEP_2 = step_delivery_id(ADA, 1), step_delivery_id(ADA, 2)


@pytest.fixture
def row(ada, clock):
    """A function that returns Ada's row in Notion; its arguments replace single fields."""

    def make(**reported: Any) -> Restored:
        return restored_of(ada, **{"anchor_ms": clock.now_ms()} | reported)

    return make


async def sends_one(ledger: Ledger, ada, now_ms: int) -> None:
    await ledger.signups.accept(ada, webhook_id="signup:1", received_ms=now_ms)
    await ledger.signups.enroll(await ledger.enrollments.get(ADA), now_ms=now_ms, announce=False)
    claim = await ledger.deliveries.claim(STEP_1, worker="w1", now_ms=now_ms)
    await ledger.deliveries.freeze(claim, "mail", now_ms=now_ms)
    await ledger.deliveries.settle(claim, "accepted", "re_1", now_ms=now_ms)


async def test_rebuild_does_not_continue_an_enrollment_that_ended_in_the_ledger(ledger, ada, row, clock):
    await sends_one(ledger, ada, clock.now_ms())
    await ledger.enrollments.unsubscribe(ADA, address_hash=ledger.store.address_hash(ada.email), now_ms=clock.now_ms())

    assert await ledger.enrollments.restore(Restoration(person=row()), now_ms=clock.now_ms()) == "known"

    known = await ledger.enrollments.get(ADA)
    assert (known.status, known.next_step) == (Status.EXITED, None)
    assert await ledger.client.zcard(keys.delayed("send")) == 0


async def test_unsuppressed_contact_is_not_suppressed_by_an_older_row(ledger, ada, row, clock):
    suppressions, now_ms = ledger.suppressions, clock.now_ms()
    await suppressions.suppress(ada.email, ExitReason.UNSUBSCRIBED, detail="by link", now_ms=now_ms)
    await suppressions.unsuppress(ada.email, detail="asked by phone", now_ms=now_ms + 1)

    left = Restoration(person=row(exit_reason=ExitReason.UNSUBSCRIBED))
    await ledger.enrollments.restore(left, now_ms=now_ms + HOUR_MS)

    assert await suppressions.of(ada.email) is None


async def test_restored_contact_is_recognized_by_the_hash_of_their_address(ledger, ada, row, clock):
    await ledger.enrollments.restore(Restoration(person=row()), now_ms=clock.now_ms())
    await ledger.client.hset(keys.SUPPRESSED, ledger.store.address_hash(ada.email), f"bounced {clock.now_ms()}")

    claim = await ledger.deliveries.claim(STEP_1, worker="w1", now_ms=clock.now_ms())
    assert claim == ClaimRefused("exited", "bounced")


async def test_missing_step_in_notion_dead_letters_nothing_of_an_active_contact(ledger, ada, row, clock):
    await sends_one(ledger, ada, clock.now_ms())

    restoration = Restoration(person=row(sent_ms={3: clock.now_ms()}), dead={2: "never sent"})
    await ledger.enrollments.restore(restoration, now_ms=clock.now_ms())

    assert 2 not in (await ledger.enrollments.get(ADA)).records
    assert await ledger.client.zcard(keys.DEAD) == 0


async def test_minimum_gap_counts_from_the_latest_mail_that_notion_shows(ledger, ada, row, clock):
    sent_ms = clock.now_ms() + 5 * HOUR_MS

    await ledger.enrollments.restore(
        Restoration(person=row(sent_ms={1: sent_ms})), now_ms=clock.now_ms() + 25 * HOUR_MS
    )

    assert await ledger.client.hget(keys.enrollment(ADA), "last_sent_ms") == str(sent_ms).encode()


async def test_held_contact_stays_held_when_a_rebuild_renews_the_schedule(ledger, ada, row, clock):
    await sends_one(ledger, ada, clock.now_ms())
    await ledger.enrollments.hold(ADA, "booked", now_ms=clock.now_ms())

    earlier = row(anchor_ms=clock.now_ms() - HOUR_MS)
    assert await ledger.enrollments.restore(Restoration(person=earlier), now_ms=clock.now_ms()) == "merged"

    assert await ledger.client.zscore(keys.delayed("send"), STEP_2) is None
    await ledger.enrollments.release(ADA, "booked", now_ms=clock.now_ms())
    assert await ledger.client.zscore(keys.delayed("send"), STEP_2) == clock.now_ms() + 23 * HOUR_MS


async def test_rebuild_leaves_a_claimed_step_to_its_worker(ledger, ada, row, clock):
    now_ms = clock.now_ms()
    await ledger.signups.accept(ada, webhook_id="signup:1", received_ms=now_ms)
    await ledger.signups.enroll(await ledger.enrollments.get(ADA), now_ms=now_ms, announce=False)
    claim = await ledger.deliveries.claim(STEP_1, worker="w1", now_ms=now_ms)
    await ledger.deliveries.freeze(claim, "mail", now_ms=now_ms)

    assert await ledger.enrollments.restore(Restoration(person=row(sent_ms={1: now_ms - 5})), now_ms=now_ms) == "known"

    assert (await ledger.enrollments.get(ADA)).records == {}
    assert await ledger.deliveries.settle(claim, "accepted", "re_1", now_ms=now_ms + 5)


async def test_contact_who_signed_up_before_a_rebuild_is_counted_once(ledger, ada, row, clock):
    await ledger.signups.accept(ada, webhook_id="signup:1", received_ms=clock.now_ms())

    await ledger.enrollments.restore(Restoration(person=row(sent_ms={1: clock.now_ms()})), now_ms=clock.now_ms())

    known = await ledger.enrollments.get(ADA)
    assert (known.status, known.next_step) == (Status.ACTIVE, 2)
    counts = await ledger.store.read_hash(keys.COUNTS)
    assert (counts["accepted"], counts["active"], counts["delivery:accepted"]) == ("0", "1", "1")
