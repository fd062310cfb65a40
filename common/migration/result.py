"""What a step of a migration reports and returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Report = Callable[[str], None]
"""Receives one line of progress."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationResult:
    """
    What a step has changed, including changes by an earlier, interrupted run.

    `notes`: what a person should know of what could not be changed, one line each.
    """

    people: int = 0
    deliveries: int = 0
    bookings: int = 0
    keys: int = 0
    notes: tuple[str, ...] = ()
