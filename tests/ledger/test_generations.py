"""Heartbeats of the store's generation: what shows that the store was replaced, and what does not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from common.domain.store_generation import Generation
from common.ledger import keys
from common.ledger.ledger import Ledger

SEEN = Generation(id="a", mark=5, at_ms=1_000)
BEAT_MS = 11_000


@pytest.fixture
async def begun(ledger: Ledger) -> Ledger:
    await ledger.generations.begin(SEEN)
    return ledger


async def test_heartbeat_repeated_after_a_lost_answer_advances_the_mark_once(begun):
    beats = [await begun.generations.beat(SEEN, now_ms=BEAT_MS) for _ in range(3)]

    assert beats == [True, True, True]
    assert await begun.generations.current() == replace(SEEN, mark=6, at_ms=BEAT_MS)


@pytest.mark.parametrize(
    "current",
    [
        replace(SEEN, mark=4, at_ms=BEAT_MS),
        replace(SEEN, mark=7, at_ms=BEAT_MS),
        replace(SEEN, id="b", at_ms=BEAT_MS),
        replace(SEEN, id="b", mark=6, at_ms=BEAT_MS),
        None,
    ],
    ids=["earlier mark", "later mark", "another generation", "another generation at the next mark", "empty store"],
)
async def test_heartbeat_detects_a_replaced_store(begun, current):
    await begun.client.delete(keys.GENERATION)
    if current is not None:
        await begun.generations.begin(current)

    assert not await begun.generations.beat(SEEN, now_ms=BEAT_MS)
    assert await begun.generations.current() == current


@pytest.mark.parametrize("apart_ms", [-1, 1])
async def test_heartbeat_detects_that_another_process_has_beaten_meanwhile(begun, apart_ms):
    await begun.generations.beat(SEEN, now_ms=BEAT_MS)

    assert not await begun.generations.beat(SEEN, now_ms=BEAT_MS + apart_ms)
    assert await begun.generations.current() == replace(SEEN, mark=6, at_ms=BEAT_MS)
