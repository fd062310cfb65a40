"""What the providers' answers say of the time: their `Date` headers, a witness that no clock of ours can deceive."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime

SAMPLES = 3
AGREE_MS = 60_000
HALF_SECOND_MS = 500
"""A `Date` has whole seconds."""


class DateWitness:
    """
    The latest answers of one process. `steady_ms`: its steady clock, with which the time of an answer is kept.

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
