"""
Which clock is right: the store's, this machine's, and the time that has passed since this process first compared them.

A clock that is set makes a jump against the steady clock, which nobody can set. What has passed is then believed, and
not the clock, until the clocks agree again, a provider's `Date` says which of them is right, or a person does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

JUMP_MS = 60_000
"""Clocks that differ by less agree: a machine may be corrected so much without anybody being written to early."""

DRIFT_MS = 1_000
"""Less is left alone: the question to the store itself takes time."""

Basis = Literal["witness", "steady"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """
    What a worker found of the store's clock, as the others read it.

    `judged_ms`: when, by the store's clock. `ahead_ms`: how far that clock was ahead then; 0: it was right. `by`: the
    process. `basis`: the providers' `Date`, or the time that has passed.
    """

    judged_ms: int
    ahead_ms: int
    by: str
    basis: Basis


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """
    All clocks at one moment, UTC ms.

    `now_ms`: the time by this process, which goes with its steady clock, `steady_ms`. `witness_ms`: the time by the
    providers; None while none has answered. `judgement`: the latest one of another process. `confirmed`: how often a
    person has said that the store's clock is right; `excused_ms`: how far it was ahead of the witness then.
    """

    steady_ms: int
    now_ms: int
    store_ms: int
    wall_ms: int
    witness_ms: int | None = None
    judgement: Judgement | None = None
    confirmed: int = 0
    excused_ms: int | None = None

    @property
    def is_judged(self) -> bool:
        """Another process has judged the clock that the store has now."""
        return self.judgement is not None and abs(self.store_ms - self.judgement.judged_ms) <= JUMP_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockStatus:
    """
    `correction_ms`: to add to this process's clock. `store_ahead_ms`: of the right time, 0 while the store is right.
    `machine_ahead_ms`: likewise of this machine. `machine_jumped`: it was set wrong while this process ran.
    `is_unresolved`: store and machine disagree at the start, and nothing tells yet which of them is right.
    `excused_ms`: see Reading.
    """

    correction_ms: int
    store_ahead_ms: int
    machine_ahead_ms: int
    machine_jumped: bool
    basis: Basis
    is_unresolved: bool = False
    excused_ms: int | None = None

    @property
    def is_store_wrong(self) -> bool:
        return self.is_unresolved or self.store_ahead_ms != 0


class ClockCheck:
    """Of one process; compares each reading with the first one and with what came between."""

    def __init__(self) -> None:
        self._confirmed: int | None = None
        self._is_resolved = False
        self._machine_apart_ms = 0
        """The machine's clock less the steady one, when it was last not set."""

    def judge(self, reading: Reading) -> ClockStatus:
        """The status after one reading. Its correction must be applied before the next reading is made."""
        is_first, confirmed = self._confirmed is None, self._confirmed
        self._confirmed = reading.confirmed
        if confirmed is not None and confirmed != reading.confirmed:
            return self._believe_all(reading)
        found = _judge_store(reading, is_first=not self._is_resolved)
        self._is_resolved = not found.is_unresolved
        return self._judge_machine(reading, found, is_first=is_first)

    def _believe_all(self, reading: Reading) -> ClockStatus:
        """A person says that the clocks are right as they stand."""
        self._is_resolved = True
        self._machine_apart_ms = reading.wall_ms - reading.steady_ms
        excused_ms = None if reading.witness_ms is None else reading.store_ms - reading.witness_ms
        return ClockStatus(
            correction_ms=reading.store_ms - reading.now_ms,
            store_ahead_ms=0,
            machine_ahead_ms=_beyond_jump(reading.wall_ms - reading.store_ms),
            machine_jumped=False,
            basis="steady",
            excused_ms=excused_ms if excused_ms and abs(excused_ms) > JUMP_MS else None,
        )

    def _judge_machine(self, reading: Reading, found: ClockStatus, *, is_first: bool) -> ClockStatus:
        apart_ms = reading.wall_ms - reading.steady_ms
        ahead_ms = _beyond_jump(reading.wall_ms - reading.now_ms - found.correction_ms)
        was_set = not is_first and abs(apart_ms - self._machine_apart_ms) > JUMP_MS
        if not was_set or not ahead_ms:
            self._machine_apart_ms = apart_ms
        return replace(found, machine_ahead_ms=ahead_ms, machine_jumped=was_set and ahead_ms != 0)


def _judge_store(reading: Reading, *, is_first: bool) -> ClockStatus:
    store_ms, known = reading.store_ms, reading.judgement if reading.is_judged else None
    if reading.witness_ms is not None:
        ahead_ms = store_ms - reading.witness_ms
        is_excused = reading.excused_ms is not None and abs(ahead_ms - reading.excused_ms) <= JUMP_MS
        if is_excused or abs(ahead_ms) <= JUMP_MS:
            return _right(reading, "witness", excused_ms=reading.excused_ms if is_excused else None)
        return _wrong(reading, ahead_ms, "witness", must_correct=abs(reading.witness_ms - reading.now_ms) > JUMP_MS)
    if known is not None and known.basis == "witness":
        return _as_known(reading, known)
    if is_first:
        return _judge_first(reading, known)
    ahead_ms = store_ms - reading.now_ms
    if abs(ahead_ms) <= JUMP_MS or (known is not None and known.ahead_ms == 0):
        return _right(reading, "steady")
    return _wrong(reading, ahead_ms, "steady", must_correct=False)


def _judge_first(reading: Reading, known: Judgement | None) -> ClockStatus:
    """Without anything to compare with but this machine's clock, and what other processes have found."""
    if known is not None:
        return _as_known(reading, known)
    was_set_back = reading.judgement is not None and reading.judgement.judged_ms - reading.store_ms > JUMP_MS
    status = _right(reading, "steady")
    if was_set_back or abs(reading.wall_ms - reading.store_ms) > JUMP_MS:
        # This machine's clock goes on: it agrees with the senders who sign what a gateway accepts.
        return replace(status, correction_ms=0, is_unresolved=True)
    return status


def _as_known(reading: Reading, known: Judgement) -> ClockStatus:
    if known.ahead_ms == 0:
        return _right(reading, known.basis)
    must_correct = abs(reading.store_ms - known.ahead_ms - reading.now_ms) > JUMP_MS
    return _wrong(reading, known.ahead_ms, known.basis, must_correct=must_correct)


def _right(reading: Reading, basis: Basis, *, excused_ms: int | None = None) -> ClockStatus:
    apart_ms = reading.store_ms - reading.now_ms
    return ClockStatus(
        correction_ms=apart_ms if abs(apart_ms) > DRIFT_MS else 0,
        store_ahead_ms=0,
        machine_ahead_ms=0,
        machine_jumped=False,
        basis=basis,
        excused_ms=excused_ms,
    )


def _wrong(reading: Reading, ahead_ms: int, basis: Basis, *, must_correct: bool) -> ClockStatus:
    return ClockStatus(
        correction_ms=reading.store_ms - ahead_ms - reading.now_ms if must_correct else 0,
        store_ahead_ms=ahead_ms,
        machine_ahead_ms=0,
        machine_jumped=False,
        basis=basis,
    )


def _beyond_jump(ahead_ms: int) -> int:
    return ahead_ms if abs(ahead_ms) > JUMP_MS else 0
