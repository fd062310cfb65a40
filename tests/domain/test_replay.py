"""Which dead letters may be sent again without querying the provider."""

from __future__ import annotations

import pytest

from common.domain.replay import Way, way_at_once
from common.domain.retry import KEY_REMEMBERED_MS

NOW_MS = 1_764_000_000_000
ONCE, LONG_AGO = NOW_MS - KEY_REMEMBERED_MS + 1, NOW_MS - KEY_REMEMBERED_MS


@pytest.mark.parametrize(
    ("outcome_unknown", "first_ms", "way"),
    [
        pytest.param(False, None, Way.RENDERED, id="it never reached for the provider"),
        pytest.param(False, LONG_AGO, Way.RENDERED, id="it was refused, each time"),
        pytest.param(True, ONCE, Way.SAME, id="it may be out, and the provider knows its key"),
        pytest.param(True, LONG_AGO, None, id="it may be out, and the provider has forgotten its key"),
    ],
)
def test_dead_letter_of_unknown_outcome_is_never_sent_blindly(
    outcome_unknown: bool, first_ms: int | None, way: Way | None
) -> None:
    assert way_at_once(outcome_unknown=outcome_unknown, first_ms=first_ms, now_ms=NOW_MS) is way
