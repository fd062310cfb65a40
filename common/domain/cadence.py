"""The seven steps and their days: which instant a step is due, counted from the instant of the signup."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a campaign runs: production or minutes for days, divided by a speed."""

    testing: bool = False
    speed: float = 1.0

    def divided(self, ms: int) -> int:
        return round(ms / self.speed)


@dataclass(frozen=True, slots=True)
class Cadence:
    """
    When the steps are due, in milliseconds after the anchor, pace already applied.

    `offsets_ms` rises strictly; `minimum_gap_ms` lies between two nurture mails of one person when one is overdue.
    """

    offsets_ms: tuple[int, ...]
    minimum_gap_ms: int

    def __post_init__(self) -> None:
        if not self.offsets_ms:
            raise ValueError("a cadence needs at least one step")
        if any(later <= earlier for earlier, later in zip(self.offsets_ms, self.offsets_ms[1:], strict=False)):
            raise ValueError(f"the offsets of a cadence must rise strictly: {self.offsets_ms}")

    @property
    def length(self) -> int:
        return len(self.offsets_ms)

    def due_ms(self, *, anchor_ms: int, step: int) -> int:
        """The instant step `step` (1-based) is due. Raises IndexError past the last one."""
        if not 1 <= step <= self.length:
            raise IndexError(f"step {step} of {self.length}")
        return anchor_ms + self.offsets_ms[step - 1]
