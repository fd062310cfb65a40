"""A stored reading time in the future was written by a wrong clock, so the list is read from its beginning."""

from __future__ import annotations

import pytest

from actors.upkeep.last_read import last_read_ms

NOW_MS = 1_764_000_000_000
DAY_MS = 86_400_000


@pytest.mark.parametrize(
    ("stored_ms", "expected_ms"),
    [(None, 0), (0, 0), (NOW_MS - DAY_MS, NOW_MS - DAY_MS), (NOW_MS + 30_000, NOW_MS + 30_000), (NOW_MS + DAY_MS, 0)],
)
def test_stored_reading_time_in_the_future_restarts_the_reading(stored_ms, expected_ms) -> None:
    assert last_read_ms(None if stored_ms is None else str(stored_ms), now_ms=NOW_MS) == expected_ms
