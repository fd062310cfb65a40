"""Replays that the console requests and that need the provider's answer: a worker gets it, or says why not."""

from __future__ import annotations

import pytest

from common.domain.delivery import DeliveryStatus
from common.domain.ids import enrollment_id
from common.errors import Permanent
from common.ledger import keys
from tests.ledger_reads import timeline_of

ADA = enrollment_id("christmas_2025", "ada@example.org")
FIRST = f"{ADA}/step-1"


@pytest.fixture
def dead_lettered(story, ada, clock):
    """
    A function that dead-letters Ada's first mail with an unknown outcome, after the provider has forgotten its key.
    """

    async def dead_lettered():
        refused = [Permanent("validation_error", status=422)]
        story.mailer.failure = lambda _mail: refused.pop() if refused else None
        await story.sign_up(ada)
        await story.run(until_ms=clock.now_ms() + 1_000)
        await story.ledger.client.hset(
            keys.delivery(FIRST), mapping={"outcome_unknown": 1, "first_attempt_ms": clock.now_ms() - 90_000_000}
        )
        return await story.ledger.dead_letters.get(FIRST)

    return dead_lettered


async def ask(story, letter) -> bool:
    return await story.ledger.dead_letters.request_replay(
        FIRST, dead_since_ms=letter.dead_since_ms, now_ms=story.clock.now_ms()
    )


async def soon(story):
    await story.run(until_ms=story.clock.now_ms() + 2_000)


async def test_what_the_provider_does_not_list_is_sent_again(story, dead_lettered, ada):
    letter = await dead_lettered()

    assert await ask(story, letter)
    assert (await story.ledger.dead_letters.get(FIRST)).replay_requested_ms == story.clock.now_ms()
    await soon(story)

    assert (await story.ledger.enrollments.get(ADA)).final_status_of(1)[0] is DeliveryStatus.ACCEPTED
    assert len(story.mailer.inbox_of(ada.email)) == 1


async def test_who_asks_twice_asks_once(story, dead_lettered, ada):
    letter = await dead_lettered()

    assert [await ask(story, letter), await ask(story, letter)] == [True, True]
    await soon(story)

    assert len(story.mailer.inbox_of(ada.email)) == 1


async def test_what_cannot_be_looked_for_stays_and_says_why_in_the_letter_and_in_the_timeline(story, dead_lettered):
    letter = await dead_lettered()
    story.mailer.list_failure = Permanent("not_found", status=404)

    await ask(story, letter)
    await soon(story)

    why = "it cannot be searched for: Resend would not list what it accepted (not_found)"
    after = await story.ledger.dead_letters.get(FIRST)
    assert (after.replay_refused, after.replay_requested_ms, after.dead_since_ms) == (why, None, letter.dead_since_ms)
    assert ("not replayed", f"step 1: {why}") in [(e.what, e.detail) for e in await timeline_of(story.ledger, ADA)]


async def test_a_letter_that_is_none_any_longer_cannot_be_asked_for_and_changes_nothing(story, dead_lettered):
    letter = await dead_lettered()
    await ask(story, letter)
    await story.ledger.dead_letters.discard(FIRST, now_ms=story.clock.now_ms())

    assert not await ask(story, letter)
    await soon(story)

    assert (await story.ledger.enrollments.get(ADA)).final_status_of(1)[0] is DeliveryStatus.DEAD
    assert await story.ledger.client.exists(keys.delivery(FIRST)) == 0


async def test_a_letter_dead_lettered_again_since_must_be_asked_for_again(story, dead_lettered):
    letter = await dead_lettered()
    refused = [Permanent("validation_error", status=422)]
    story.mailer.failure = lambda _mail: refused.pop() if refused else None
    story.clock.advance(5)

    await story.ledger.dead_letters.replay(FIRST, now_ms=story.clock.now_ms(), way="fresh")
    await soon(story)

    assert await story.ledger.dead_letters.get(FIRST) is not None
    assert not await ask(story, letter)
