"""How often a failed delivery is attempted again, when, and whether that is safe."""

from __future__ import annotations

from dataclasses import dataclass

KEY_LIFE_MS = 24 * 3_600_000
"""How long Resend remembers an idempotency key."""

KEY_REMEMBERED_MS = KEY_LIFE_MS - 3_600_000
"""An attempt of unknown outcome is never repeated when its key is older than this."""

UNKNOWN_OUTCOME_WAIT_MAX_MS = KEY_REMEMBERED_MS - 3_600_000
"""A mail that may have been accepted waits no longer than this, so that a repetition under its key is still safe."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """At most `attempts_max` attempts, `delay_ms` apart. A campaign's speed changes neither."""

    attempts_max: int
    delay_ms: int


def may_repeat(
    *, first_ms: int | None, outcome_unknown: bool, now_ms: int, remembered_ms: int = KEY_REMEMBERED_MS
) -> bool:
    """
    Return whether the delivery may be sent (again) without looking up an earlier attempt.

    True while no attempt has an unknown outcome, or while the provider still remembers the key of the first attempt at
    `first_ms`. `remembered_ms`: how long it does; 0: it has no idempotency keys.
    """
    if not outcome_unknown:
        return True
    return remembered_ms > 0 and (first_ms is None or now_ms - first_ms < remembered_ms)
