"""What a replay does with a dead letter: the rule of every delivery, that what may be out is never sent blindly."""

from __future__ import annotations

from enum import StrEnum

from common.domain.retry import KEY_REMEMBERED_MS, may_repeat


class Way(StrEnum):
    RENDERED = "rendered anew"
    SAME = "the same bytes under the same key, so that the provider can tell"
    FOUND = "accepted already, as the provider lists it"
    AGAIN = "the provider lists none, so it is sent again"
    REFUSED = "left where it is"


def way_at_once(
    *, outcome_unknown: bool, first_ms: int | None, now_ms: int, remembered_ms: int = KEY_REMEMBERED_MS
) -> Way | None:
    """
    The way that needs nobody's answer; None when the mail must first be looked for in what the provider accepted.

    1. What was certainly never accepted is rendered anew.
    2. While the provider remembers its key, for `remembered_ms`, the same bytes go again under it: it tells whether it
       has them.
    """
    if not outcome_unknown:
        return Way.RENDERED
    if may_repeat(first_ms=first_ms, outcome_unknown=True, now_ms=now_ms, remembered_ms=remembered_ms):
        return Way.SAME
    return None
