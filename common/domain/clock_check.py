"""
Decides which clock is right: the store's, this machine's, or the steady clock since this process first compared them.

A clock that is set jumps relative to the steady (monotonic) clock, which cannot be set. The steady clock is then
trusted until the clocks agree again, or a provider's `Date` header or an operator says which of them is right.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

JUMP_MS = 60_000
"""Clocks that differ by no more than this agree: a correction of this size sends no mail noticeably early."""

DRIFT_MS = 1_000
"""A difference of up to this is not corrected: the request to the store itself takes time."""

Basis = Literal["witness", "steady"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """
    A worker's finding about the store's clock, stored for the other processes.

    `judged_ms`: when it was made, by the store's clock. `ahead_ms`: how far that clock was ahead then; 0: it was right.
    `by`: the process. `basis`: `witness` (the providers' `Date`) or `steady` (the steady clock).
    """

    judged_ms: int
    ahead_ms: int
    by: str
    basis: Basis


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """
    All clocks at one moment, UTC ms.

    `now_ms`: the time of this process, which advances with its steady clock, `steady_ms`. `store_ms`: the store's
    clock. `wall_ms`: this machine's clock. `witness_ms`: the time of the providers, None while none has answered.
    `judgement`: the latest one of another process. `confirmed`: how often an operator has confirmed the store's clock.
    `excused_ms`: how far it was ahead of the providers at that confirmation.
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
        """Whether another process has judged the store's clock, which has moved at most `JUMP_MS` since."""
        return self.judgement is not None and abs(self.store_ms - self.judgement.judged_ms) <= JUMP_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockStatus:
    """
    The result of a check.

    `correction_ms`: to be added to this process's clock. `store_ahead_ms`: how far the store's clock is ahead of the
    right time; 0: it is right. `machine_ahead_ms`: the same for this machine's clock. `machine_jumped`: this machine's
    clock was set wrong while the process ran. `is_unresolved`: store and machine disagree at the start, and it is not
    yet known which of them is right. `excused_ms`: see `Reading`.
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
    """The clock check of one process. It compares each reading with earlier ones."""

    def __init__(self) -> None:
        self._confirmed: int | None = None
        self._is_resolved = False
        self._machine_apart_ms = 0
        """The machine's clock minus the steady one, as of the last reading before the machine's clock was set wrong."""

    def judge(self, reading: Reading) -> ClockStatus:
        """Return the status after a reading. The caller must apply its correction before the next reading."""
        is_first, confirmed = self._confirmed is None, self._confirmed
        self._confirmed = reading.confirmed
        if confirmed is not None and confirmed != reading.confirmed:
            return self._believe_all(reading)
        found = _judge_store(reading, is_first=not self._is_resolved)
        self._is_resolved = not found.is_unresolved
        return self._judge_machine(reading, found, is_first=is_first)

    def _believe_all(self, reading: Reading) -> ClockStatus:
        """Return the status after an operator has confirmed that the clocks are right as they are."""
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
    """Judge the first reading, with only this machine's clock and other processes' findings for comparison."""
    if known is not None:
        return _as_known(reading, known)
    was_set_back = reading.judgement is not None and reading.judgement.judged_ms - reading.store_ms > JUMP_MS
    status = _right(reading, "steady")
    if was_set_back or abs(reading.wall_ms - reading.store_ms) > JUMP_MS:
        # Continue with this machine's clock: it agrees with the senders, whose signed webhooks a gateway accepts.
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
