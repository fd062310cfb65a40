"""The cadence: when each step is due, counted from the anchor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from common.domain.ids import Step


@dataclass(frozen=True, slots=True)
class Pace:
    """
    How fast a campaign runs.

    `testing`: a day takes a minute. `speed`: all times are divided by it.
    """

    testing: bool = False
    speed: float = 1.0

    def divided(self, ms: int) -> int:
        return round(ms / self.speed)


@dataclass(frozen=True, slots=True)
class Cadence:
    """
    The due times of all steps, pace already applied.

    `offsets_ms`: each step's due time after the anchor, strictly rising. `minimum_gap_ms`: the shortest time between
    two nurture mails to a contact when one of them is overdue. `ids`: the steps, ordered by due time; when empty, they
    are 1, 2, 3 … `needs`: maps a step to the earlier step without which it is not sent.
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
        """The steps, ordered by due time."""
        return self.ids or tuple(range(1, len(self.offsets_ms) + 1))

    def after(self, step: Step) -> tuple[Step, ...]:
        """Return the steps that follow `step`, or all steps when `step` is not one of them."""
        return self.steps[self.steps.index(step) + 1 :] if step in self.steps else self.steps

    def offset_ms(self, step: Step) -> int:
        """Return how long after the anchor the step is due. Raises IndexError for an unknown step."""
        if step not in self.steps:
            raise IndexError(f"step {step} is none of {self.steps}")
        return self.offsets_ms[self.steps.index(step)]

    def due_ms(self, *, anchor_ms: int, step: Step) -> int:
        """Return when the step is due. Raises IndexError for an unknown step."""
        return anchor_ms + self.offset_ms(step)
