"""Clocks. Time is an argument: code receives the time, or a clock, from the entry point of its process."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Protocol


def utc_datetime(ms: int) -> datetime:
    """Return milliseconds since 1970 as an aware UTC datetime."""
    return datetime.fromtimestamp(ms / 1000, UTC)


def iso(ms: int) -> str:
    """Format UTC milliseconds since 1970 as `2025-11-24T09:09:00.123Z`."""
    return f"{_second(ms // 1000)}.{ms % 1000:03d}Z"


@lru_cache(maxsize=64)
def _second(seconds: int) -> str:
    """Format whole seconds. Cached, because nearly all times that are formatted lie within the same few seconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").removesuffix("+00:00")


class Clock(Protocol):
    def now_ms(self) -> int: ...

    def wall_ms(self) -> int:
        """Return the time of the machine's own clock, with which the time in a signed request is compared."""
        ...


class SystemClock:
    """
    The machine's clock as it was at the start, corrected to the store's when the two disagree by more than a second.

    All processes that share a store therefore share its time, so a lease or a due time means the same to all of them.
    After the start this clock counts elapsed time: it does not jump when the machine's clock or the store's clock is
    set, by hand or by NTP (see `common/domain/clock_check.py`). A worker whose clock jumped to next week would send
    next week's mail.
    """

    def __init__(self) -> None:
        self.offset_ms = 0
        self._start_ns = time.time_ns() - _passed_ns()

    def now_ms(self) -> int:
        return (self._start_ns + _passed_ns()) // 1_000_000 + self.offset_ms

    def wall_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def steady_ms(self) -> int:
        """Return the elapsed time since an arbitrary moment in the past."""
        return _passed_ns() // 1_000_000


def _passed_ns() -> int:
    """Return the time since an arbitrary moment, including the time that the machine slept if the system counts it."""
    return time.clock_gettime_ns(_ALSO_ASLEEP) if _ALSO_ASLEEP is not None else time.monotonic_ns()


_ALSO_ASLEEP: int | None = getattr(time, "CLOCK_BOOTTIME", None)


class VirtualClock:
    """A clock that moves only when `advance` or `move_to` is called; for tests and simulations."""

    def __init__(self, now_ms: int = 1_764_000_000_000) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        return self._now_ms

    def wall_ms(self) -> int:
        return self._now_ms

    def advance(self, ms: int) -> None:
        self._now_ms += ms

    def move_to(self, ms: int) -> None:
        self._now_ms = max(self._now_ms, ms)


SAMPLES = 3
AGREE_MS = 60_000
HALF_SECOND_MS = 500
"""Added to each `Date`, which is cut to whole seconds."""


class DateWitness:
    """
    The time according to the `Date` headers of the providers' latest answers: it does not depend on our own clocks.

    One for each process. `steady_ms`: the steady clock of the process, which dates each answer.

    A single wrong `Date` does no harm once there are others: of three samples the middle one counts; two samples count
    only if they agree.
    """

    def __init__(self, steady_ms: Callable[[], int]) -> None:
        self._steady_ms = steady_ms
        self._samples: deque[int] = deque(maxlen=SAMPLES)

    def note(self, headers: Mapping[str, str]) -> None:
        """Record the `Date` of one answer. An answer from a cache, or without a readable `Date`, is ignored."""
        if headers.get("age", "0") != "0":
            return
        try:
            date_ms = int(parsedate_to_datetime(headers.get("date", "")).timestamp() * 1000)
        except (TypeError, ValueError):
            return
        self._samples.append(date_ms + HALF_SECOND_MS - self._steady_ms())

    def read_ms(self) -> int | None:
        """Return the time according to the providers, or None while too few of their answers are known."""
        known = sorted(self._samples)
        if not known or (len(known) == 2 and known[1] - known[0] > AGREE_MS):
            return None
        return known[len(known) // 2] + self._steady_ms()
