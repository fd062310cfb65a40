"""How often and when a failed delivery is tried again."""

from __future__ import annotations

from dataclasses import dataclass

KEY_REMEMBERED_MS = 23 * 3_600_000
"""Resend forgets idempotency keys after 24 h; past this, an hour before, a try of unknown outcome is never repeated."""

ASK_WITHIN_MS = KEY_REMEMBERED_MS - 3_600_000
"""What may have been accepted is not kept waiting for longer, so that it can still be asked for under its key."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """`attempts_max` tries in all, `delay_ms` apart. Neither is divided by a campaign's speed."""

    attempts_max: int
    delay_ms: int


def may_repeat(
    *, first_ms: int | None, outcome_unknown: bool, now_ms: int, remembered_ms: int = KEY_REMEMBERED_MS
) -> bool:
    """
    May this delivery be handed over (again) without asking what became of an earlier try?

    Yes while no try has an unknown outcome, or while the provider still remembers its key, `remembered_ms`; 0: it knows
    no keys.
    """
    if not outcome_unknown:
        return True
    return remembered_ms > 0 and (first_ms is None or now_ms - first_ms < remembered_ms)
