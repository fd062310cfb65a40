"""The chart of a campaign's cadence: a line with a numbered point for each step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from common.formatting import duration
from services.console.campaigns.details import PlannedMail

WIDTH: Final = 760
HEIGHT: Final = 104
_MARGIN, _LINE_Y, _LABEL_WIDTH = 40, 44, 56


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A point of the chart. `x`, `y`: its centre. `label`: the time after the signup, written at height `label_y`."""

    number: int
    x: float
    y: int
    label: str
    label_y: int


def points_of(steps: Sequence[PlannedMail]) -> list[Point]:
    """Return a point for each step. If two steps are close together, the second label is placed lower."""
    last = max((step.offset_ms for step in steps), default=0) or 1
    points: list[Point] = []
    for number, step in enumerate(steps, 1):
        x = round(_MARGIN + (WIDTH - 2 * _MARGIN) * step.offset_ms / last, 1)
        is_close = bool(points) and x - points[-1].x < _LABEL_WIDTH and points[-1].label_y == _LINE_Y + 36
        label = duration(step.offset_ms) if step.offset_ms else "at once"
        points.append(Point(number=number, x=x, y=_LINE_Y, label=label, label_y=_LINE_Y + (54 if is_close else 36)))
    return points
