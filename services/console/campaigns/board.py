"""The board: how many people of a campaign wait for each step, by segment, and how many of them booked a call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from common.campaigns.campaign import Campaign
from common.domain.enrollment import Status
from common.domain.ids import Step, step_name
from common.domain.people_index import Group, PeopleCounts

_STATUS_LABELS: Mapping[Status, str] = {
    Status.HELD: "held: too many signups in an hour",
    Status.ACCEPTED: "just signed up",
    Status.ACTIVE: "under way, the next mail is being sent",
    Status.COMPLETED: "got every mail",
    Status.EXITED: "left early",
}
_BEFORE, _AFTER = (Status.HELD, Status.ACCEPTED, Status.ACTIVE), (Status.COMPLETED, Status.EXITED)


@dataclass(frozen=True, slots=True)
class Cell:
    """A number of people, and how many of them booked a call."""

    people: int = 0
    booked: int = 0

    @property
    def share(self) -> float:
        return self.booked / self.people if self.people else 0.0

    def __add__(self, other: Cell) -> Cell:
        return Cell(self.people + other.people, self.booked + other.booked)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """
    The people who wait for one step, or who have one status.

    `cells`: numbers by segment. `query`: the filters with which the list of people shows them; empty if no filter can.
    """

    label: str
    step: Step | None
    query: Mapping[str, str]
    cells: Mapping[str, Cell]

    @property
    def total(self) -> Cell:
        return sum(self.cells.values(), Cell())


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """All people of a campaign; each is counted in one row and one column."""

    segments: Sequence[str]
    rows: Sequence[Row]

    @property
    def totals(self) -> Mapping[str, Cell]:
        """The sums of all rows, by segment."""
        return {name: sum((row.cells.get(name, Cell()) for row in self.rows), Cell()) for name in self.segments}

    @property
    def total(self) -> Cell:
        return sum(self.totals.values(), Cell())

    def with_status(self, status: Status) -> int:
        """Return how many people are in the row of a status. People who wait for a step are in the row of the step."""
        return sum(row.total.people for row in self.rows if row.query.get("status") == status and row.step is None)


def board_of(counts: PeopleCounts, campaign: Campaign) -> Board:
    places: dict[_Place, dict[str, Cell]] = {}
    for group, number in counts.items():
        if group.campaign == campaign.key:
            cells = places.setdefault(_place(group.status, group.next_step), {})
            cells[group.segment] = cells.get(group.segment, Cell()) + _cell(group, number)
    occurring = {segment for cells in places.values() for segment in cells}
    segments = [*campaign.segments, *sorted(occurring - {*campaign.segments})]
    known = [*campaign.step_ids]
    known += [step for step, _ in places if step is not None and step not in known]
    before, after = (
        [_status_row(status, places[None, status]) for status in several if (None, status) in places]
        for several in (_BEFORE, _AFTER)
    )
    steps = [_step_row(campaign, step, places.get((step, ""), {})) for step in known]
    return Board(segments=segments, rows=[*before, *steps, *after])


def signed_up_since(month: str, counts: PeopleCounts, campaign: Campaign) -> Mapping[str, Cell]:
    """Count the people who signed up in this month (such as `2025-11`) or later, by segment; the key "" has all."""
    cells: dict[str, Cell] = {"": Cell()}
    for group, number in counts.items():
        if group.campaign == campaign.key and group.month >= month:
            for segment in {group.segment, ""}:
                cells[segment] = cells.get(segment, Cell()) + _cell(group, number)
    return cells


def _cell(group: Group, number: int) -> Cell:
    return Cell(number, number if group.is_booked else 0)


_Place = tuple[Step | None, str]
"""The next step and "", or None and the status."""


def _place(status: str, next_step: Step | None) -> _Place:
    is_waiting = status == Status.ACTIVE and next_step is not None
    return (next_step, "") if is_waiting else (None, status)


def _step_row(campaign: Campaign, step: Step, cells: Mapping[str, Cell]) -> Row:
    names = {one.id: one.name for one in campaign.steps}
    label = names.get(step_name(step), "no longer in the campaign")
    return Row(label=label, step=step, query={"status": Status.ACTIVE.value, "step": str(step)}, cells=cells)


def _status_row(status: Status, cells: Mapping[str, Cell]) -> Row:
    query = {} if status is Status.ACTIVE else {"status": status.value}
    return Row(label=_STATUS_LABELS[status], step=None, query=query, cells=cells)
