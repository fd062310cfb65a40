"""The steps and their days: when a step is due, counted from the time of the signup."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from common.domain.ids import Step


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
    `ids`: of the steps, in the order in which they are due; not given: 1, 2, 3 …
    `needs`: by step, the earlier one without which it is not sent.
    """

    offsets_ms: tuple[int, ...]
    minimum_gap_ms: int
    ids: tuple[Step, ...] = ()
    needs: Mapping[Step, Step] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.offsets_ms:
            raise ValueError("a cadence needs at least one step")
        if any(later <= earlier for earlier, later in zip(self.offsets_ms, self.offsets_ms[1:], strict=False)):
            raise ValueError(f"the offsets of a cadence must rise strictly: {self.offsets_ms}")
        if self.ids and len({*self.ids}) != len(self.offsets_ms):
            raise ValueError(f"each step of a cadence needs an id of its own: {self.ids}")

    @property
    def steps(self) -> tuple[Step, ...]:
        """In the order in which they are due."""
        return self.ids or tuple(range(1, len(self.offsets_ms) + 1))

    def after(self, step: Step) -> tuple[Step, ...]:
        """The steps that follow; all of them after one that is not there."""
        return self.steps[self.steps.index(step) + 1 :] if step in self.steps else self.steps

    def offset_ms(self, step: Step) -> int:
        """Raises IndexError for a step that is not there."""
        if step not in self.steps:
            raise IndexError(f"step {step} is none of {self.steps}")
        return self.offsets_ms[self.steps.index(step)]

    def due_ms(self, *, anchor_ms: int, step: Step) -> int:
        """When the step is due. Raises IndexError for one that is not there."""
        return anchor_ms + self.offset_ms(step)
