"""When a store must account for mail that it does not know."""

from __future__ import annotations

from dataclasses import replace

import pytest

from common.domain.store_generation import Generation, Lineage, Memory, lineage_of, newest

STORE = Generation(id="b", mark=10, at_ms=1_000, ancestors=frozenset({"a"}))
SAME = Memory(generation="b", mark=10, at_ms=1_000, people=3, token="t")


@pytest.mark.parametrize(
    ("store", "memories", "people", "lineage"),
    [
        (None, [], 0, Lineage.FIRST),
        (None, [], 5, Lineage.FIRST),
        (None, [replace(SAME, people=0)], 0, Lineage.FIRST),
        (None, [SAME], 0, Lineage.EMPTIED),
        (None, [replace(SAME, people=0), SAME], 0, Lineage.EMPTIED),
        (None, [SAME], 5, Lineage.RESTORED),
        (STORE, [], 5, Lineage.SAME),
        (STORE, [SAME, replace(SAME, mark=3), replace(SAME, generation="a", mark=99)], 5, Lineage.SAME),
        (STORE, [SAME, replace(SAME, mark=11)], 5, Lineage.RESTORED),
        (STORE, [replace(SAME, generation="c", mark=1)], 5, Lineage.RESTORED),
    ],
)
def test_a_store_behind_any_witness_is_no_first_start(store, memories, people, lineage):
    assert lineage_of(store, memories, people=people) is lineage


def test_witness_memory_survives_json_and_any_other_text_gives_none():
    assert Memory.from_json(SAME.to_json()) == SAME
    assert [Memory.from_json(text) for text in ("", "{}", "[1]", '{"generation": 1}')] == [None] * 4


def test_the_newest_memory_is_that_of_the_latest_heartbeat():
    later = replace(SAME, generation="c", mark=1, at_ms=2_000)

    assert newest([SAME, later]) == later
    assert newest([]) is None
