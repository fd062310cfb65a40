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
def dead_lettered(simulation, ada, clock):
    """
    A function that dead-letters Ada's first mail with an unknown outcome, after the provider has forgotten its key.
    """

    async def dead_lettered():
        refused = [Permanent("validation_error", status=422)]
        simulation.mailer.failure = lambda _mail: refused.pop() if refused else None
        await simulation.sign_up(ada)
        await simulation.run(until_ms=clock.now_ms() + 1_000)
        await simulation.ledger.client.hset(
            keys.delivery(FIRST), mapping={"outcome_unknown": 1, "first_attempt_ms": clock.now_ms() - 90_000_000}
        )
        return await simulation.ledger.dead_letters.get(FIRST)

    return dead_lettered


async def ask(simulation, letter) -> bool:
    return await simulation.ledger.dead_letters.request_replay(
        FIRST, dead_since_ms=letter.dead_since_ms, now_ms=simulation.clock.now_ms()
    )


async def soon(simulation):
    await simulation.run(until_ms=simulation.clock.now_ms() + 2_000)


async def test_requested_replay_sends_a_mail_that_the_provider_does_not_list(simulation, dead_lettered, ada):
    letter = await dead_lettered()

    assert await ask(simulation, letter)
    assert (await simulation.ledger.dead_letters.get(FIRST)).replay_requested_ms == simulation.clock.now_ms()
    await soon(simulation)

    assert (await simulation.ledger.enrollments.get(ADA)).step_status(1)[0] is DeliveryStatus.ACCEPTED
    assert len(simulation.mailer.inbox_of(ada.email)) == 1


async def test_replay_requested_twice_sends_one_mail(simulation, dead_lettered, ada):
    letter = await dead_lettered()

    assert [await ask(simulation, letter), await ask(simulation, letter)] == [True, True]
    await soon(simulation)

    assert len(simulation.mailer.inbox_of(ada.email)) == 1


async def test_refused_replay_request_says_why_in_the_dead_letter_and_in_the_timeline(simulation, dead_lettered):
    letter = await dead_lettered()
    simulation.mailer.list_failure = Permanent("not_found", status=404)

    await ask(simulation, letter)
    await soon(simulation)

    why = "it cannot be searched for: Resend would not list what it accepted (not_found)"
    after = await simulation.ledger.dead_letters.get(FIRST)
    assert (after.replay_refused, after.replay_requested_ms, after.dead_since_ms) == (why, None, letter.dead_since_ms)
    assert ("not replayed", f"step 1: {why}") in [(e.what, e.detail) for e in await timeline_of(simulation.ledger, ADA)]


async def test_replay_request_for_a_discarded_dead_letter_changes_nothing(simulation, dead_lettered):
    letter = await dead_lettered()
    await ask(simulation, letter)
    died_ms, now_ms = letter.dead_since_ms, simulation.clock.now_ms()
    await simulation.ledger.dead_letters.discard(FIRST, dead_since_ms=died_ms, now_ms=now_ms)

    assert not await ask(simulation, letter)
    await soon(simulation)

    assert (await simulation.ledger.enrollments.get(ADA)).step_status(1)[0] is DeliveryStatus.DEAD
    assert await simulation.ledger.client.exists(keys.delivery(FIRST)) == 0


async def test_replay_request_is_refused_after_the_delivery_was_dead_lettered_again(simulation, dead_lettered):
    letter = await dead_lettered()
    refused = [Permanent("validation_error", status=422)]
    simulation.mailer.failure = lambda _mail: refused.pop() if refused else None
    simulation.clock.advance(5)

    await simulation.ledger.dead_letters.replay(FIRST, now_ms=simulation.clock.now_ms(), way="fresh")
    await soon(simulation)

    assert await simulation.ledger.dead_letters.get(FIRST) is not None
    assert not await ask(simulation, letter)
