"""Time is an argument: everything that needs an instant is given one, and only the entries read this clock."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Protocol


def utc_datetime(ms: int) -> datetime:
    """The aware UTC instant of a number of milliseconds since 1970."""
    return datetime.fromtimestamp(ms / 1000, UTC)


def iso(ms: int) -> str:
    """`2025-11-24T09:09:00.123Z`."""
    return f"{_second(ms // 1000)}.{ms % 1000:03d}Z"


@lru_cache(maxsize=64)
def _second(seconds: int) -> str:
    """Every answer and log line is dated, and nearly all of them in the same few seconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").removesuffix("+00:00")


class Clock(Protocol):
    def now_ms(self) -> int: ...

    def wall_ms(self) -> int:
        """What the machine's own clock shows: what senders of signed requests compare with."""
        ...


class SystemClock:
    """
    The machine's clock as it was at the start, corrected to the store's when the two disagree by more than a second.

    All processes that share a store then share its time, so a lease or a due time means the same to all of them.
    From the start on it goes by the time that passes: setting the machine's clock or the store's, by hand or by NTP,
    does not make it jump; see `common/domain/clock_check.py`. A worker whose clock showed next week would send
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
        """Goes by the time that passes, since some time in the past."""
        return _passed_ns() // 1_000_000


def _passed_ns() -> int:
    """Since some instant in the past; where the system can tell, the time that the machine slept counts too."""
    return time.clock_gettime_ns(_ALSO_ASLEEP) if _ALSO_ASLEEP is not None else time.monotonic_ns()


_ALSO_ASLEEP: int | None = getattr(time, "CLOCK_BOOTTIME", None)


class VirtualClock:
    """A clock that does not move by itself; for tests and simulation."""

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
"""A `Date` has whole seconds."""


class DateWitness:
    """
    The time by the `Date` headers of the latest answers of providers: a witness that no clock of ours can deceive.

    One for each process. `steady_ms`: its steady clock, with which the time of an answer is kept.

    One strange `Date` tells nothing once there are others: of three the middle one is believed, of two only a pair that
    agrees.
    """

    def __init__(self, steady_ms: Callable[[], int]) -> None:
        self._steady_ms = steady_ms
        self._samples: deque[int] = deque(maxlen=SAMPLES)

    def note(self, headers: Mapping[str, str]) -> None:
        """One answer; without a readable `Date`, or from a cache, it says nothing."""
        if headers.get("age", "0") != "0":
            return
        try:
            date_ms = int(parsedate_to_datetime(headers.get("date", "")).timestamp() * 1000)
        except (TypeError, ValueError):
            return
        self._samples.append(date_ms + HALF_SECOND_MS - self._steady_ms())

    def read_ms(self) -> int | None:
        """The time by the providers; None while they have not said it."""
        known = sorted(self._samples)
        if not known or (len(known) == 2 and known[1] - known[0] > AGREE_MS):
            return None
        return known[len(known) // 2] + self._steady_ms()
