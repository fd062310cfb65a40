"""How a replay sends a dead letter: a mail that the provider may have accepted is never sent again blindly."""

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
    Return the way that needs no look-up, or None when the provider's list of accepted mails must be searched first.

    1. A mail that was certainly never accepted is rendered again.
    2. While the provider remembers the idempotency key (`remembered_ms`), the same bytes are sent again under it: the
       provider recognizes a repetition.
    """
    if not outcome_unknown:
        return Way.RENDERED
    if may_repeat(first_ms=first_ms, outcome_unknown=True, now_ms=now_ms, remembered_ms=remembered_ms):
        return Way.SAME
    return None
