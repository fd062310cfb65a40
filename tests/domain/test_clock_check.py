"""Setting a clock makes no mail early: elapsed time is trusted until a better source is available."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from common.domain.clock_check import ClockCheck, ClockStatus, Judgement, Reading

HOUR_MS = 3_600_000
JUMPS_MS = [25 * HOUR_MS, -25 * HOUR_MS, 365 * 24 * HOUR_MS, 61_000]
START_MS = 1_764_000_000_000


@dataclass
class Clocks:
    """
    All clocks of a small installation.

    `…_ahead_ms`: how far each is ahead of the true time; `offset_ms`: how far the process's own clock is ahead.
    """

    true_ms: int = START_MS
    store_ahead_ms: int = 0
    machine_ahead_ms: int = 0
    provider_ahead_ms: int | None = None
    judgement: Judgement | None = None
    confirmed: int = 0
    excused_ms: int | None = None
    offset_ms: int | None = None

    def __post_init__(self) -> None:
        self.check = ClockCheck()

    def reads(self, after_ms: int = 5_000) -> ClockStatus:
        """Return what the process finds `after_ms` later; its clock starts with the machine's."""
        self.true_ms += after_ms
        if self.offset_ms is None:
            self.offset_ms = self.machine_ahead_ms
        witness_ms = None if self.provider_ahead_ms is None else self.true_ms + self.provider_ahead_ms
        status = self.check.judge(
            Reading(
                steady_ms=self.true_ms - START_MS,
                now_ms=self.true_ms + self.offset_ms,
                store_ms=self.true_ms + self.store_ahead_ms,
                wall_ms=self.true_ms + self.machine_ahead_ms,
                witness_ms=witness_ms,
                judgement=self.judgement,
                confirmed=self.confirmed,
                excused_ms=self.excused_ms,
            )
        )
        self.offset_ms += status.correction_ms
        return status


def judged(clocks: Clocks, *, ahead_ms: int = 0, basis: str = "steady") -> Judgement:
    """Return what another worker found of the clock that the store has now."""
    store_ms = clocks.true_ms + clocks.store_ahead_ms
    return Judgement(judged_ms=store_ms, ahead_ms=ahead_ms, by="w2", basis=basis)  # type: ignore[arg-type]


def test_clocks_that_agree_hold_nothing() -> None:
    clocks = Clocks(provider_ahead_ms=300)
    statuses = [clocks.reads(), clocks.reads()]

    assert [(v.is_store_wrong, v.machine_jumped, v.correction_ms) for v in statuses] == [(False, False, 0)] * 2


@pytest.mark.parametrize("provider_ahead_ms", [None, 0])
@pytest.mark.parametrize("jump_ms", JUMPS_MS)
def test_store_clock_that_was_set_is_not_followed_until_it_is_right(jump_ms, provider_ahead_ms) -> None:
    clocks = Clocks(provider_ahead_ms=provider_ahead_ms)
    clocks.reads()

    clocks.store_ahead_ms = jump_ms
    wrong = [clocks.reads() for _ in range(12)]
    clocks.store_ahead_ms = 0
    right = clocks.reads()

    assert {status.store_ahead_ms for status in wrong} == {jump_ms}
    assert clocks.offset_ms == 0
    assert not right.is_store_wrong


@pytest.mark.parametrize("jump_ms", JUMPS_MS)
def test_machine_clock_that_was_set_is_reported_until_it_is_right(jump_ms) -> None:
    clocks = Clocks()
    clocks.reads()

    clocks.machine_ahead_ms = jump_ms
    wrong = [clocks.reads(), clocks.reads()]
    clocks.machine_ahead_ms = 0
    right = clocks.reads()

    assert [(v.machine_jumped, v.machine_ahead_ms, v.is_store_wrong) for v in wrong] == [(True, jump_ms, False)] * 2
    assert clocks.offset_ms == 0
    assert (right.machine_jumped, right.machine_ahead_ms) == (False, 0)


def test_suspended_machine_follows_the_store_once_a_provider_confirms_it() -> None:
    clocks = Clocks(provider_ahead_ms=0)
    clocks.reads()

    # The steady clock stood still for an hour, so all the others seem to have jumped.
    clocks.store_ahead_ms = clocks.machine_ahead_ms = clocks.provider_ahead_ms = HOUR_MS
    status = clocks.reads()

    assert (status.is_store_wrong, status.machine_jumped) == (False, False)
    assert clocks.offset_ms == HOUR_MS


def test_start_with_all_clocks_wrong_follows_the_providers_time() -> None:
    clocks = Clocks(store_ahead_ms=25 * HOUR_MS, machine_ahead_ms=25 * HOUR_MS, provider_ahead_ms=0)

    assert clocks.reads().store_ahead_ms == 25 * HOUR_MS
    assert clocks.offset_ms == 0


def test_start_on_a_wrong_machine_follows_the_store_that_others_or_a_provider_confirmed() -> None:
    by_provider = Clocks(machine_ahead_ms=25 * HOUR_MS, provider_ahead_ms=0)
    by_others = Clocks(machine_ahead_ms=25 * HOUR_MS)
    by_others.judgement = judged(by_others)

    for clocks in (by_provider, by_others):
        status = clocks.reads()
        assert (status.is_store_wrong, status.machine_jumped) == (False, False)
        assert status.machine_ahead_ms == 25 * HOUR_MS
        assert clocks.offset_ms == 0


def test_start_with_a_store_that_others_found_wrong_uses_their_judgement() -> None:
    clocks = Clocks(store_ahead_ms=25 * HOUR_MS)
    clocks.judgement = judged(clocks, ahead_ms=25 * HOUR_MS)

    assert clocks.reads().store_ahead_ms == 25 * HOUR_MS
    assert clocks.offset_ms == 0


def test_start_with_two_differing_clocks_waits_until_a_provider_answers() -> None:
    clocks = Clocks(store_ahead_ms=25 * HOUR_MS)

    assert [clocks.reads().is_unresolved for _ in range(3)] == [True] * 3
    assert clocks.offset_ms == 0
    clocks.provider_ahead_ms = 0
    assert clocks.reads().store_ahead_ms == 25 * HOUR_MS
    assert clocks.offset_ms == 0


def test_store_clock_behind_its_last_judgement_is_unresolved() -> None:
    clocks = Clocks()
    clocks.judgement = judged(clocks)
    clocks.store_ahead_ms = clocks.machine_ahead_ms = -25 * HOUR_MS

    assert clocks.reads().is_unresolved


def test_worker_with_a_stalled_steady_clock_follows_the_other_worker() -> None:
    clocks = Clocks()
    clocks.reads()
    clocks.store_ahead_ms = HOUR_MS
    clocks.judgement = judged(clocks)

    assert not clocks.reads().is_store_wrong
    assert clocks.offset_ms == HOUR_MS


def test_provider_time_seen_by_another_worker_outweighs_elapsed_time() -> None:
    clocks = Clocks(store_ahead_ms=25 * HOUR_MS, machine_ahead_ms=25 * HOUR_MS)
    assert not clocks.reads().is_store_wrong

    clocks.judgement = judged(clocks, ahead_ms=25 * HOUR_MS, basis="witness")
    assert clocks.reads().store_ahead_ms == 25 * HOUR_MS
    assert clocks.offset_ms == 0


@pytest.mark.parametrize("provider_ahead_ms", [None, 0])
def test_confirmed_store_clock_is_trusted_until_it_jumps_again(provider_ahead_ms) -> None:
    clocks = Clocks(provider_ahead_ms=provider_ahead_ms)
    clocks.reads()
    clocks.store_ahead_ms = 25 * HOUR_MS
    assert clocks.reads().is_store_wrong

    clocks.confirmed += 1
    status = clocks.reads()
    clocks.excused_ms = status.excused_ms

    assert not status.is_store_wrong
    assert clocks.offset_ms == 25 * HOUR_MS
    assert not clocks.reads().is_store_wrong
    clocks.store_ahead_ms += HOUR_MS
    assert clocks.reads().is_store_wrong


def test_small_correction_is_followed_and_is_not_a_jump() -> None:
    clocks = Clocks()
    clocks.reads()
    clocks.store_ahead_ms = clocks.machine_ahead_ms = 30_000

    status = clocks.reads()

    assert (status.correction_ms, status.is_store_wrong, status.machine_jumped) == (30_000, False, False)
