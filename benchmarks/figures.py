"""The results of a benchmark: figures with their goals, printed as a table or as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text


@dataclass(frozen=True, slots=True)
class Goal:
    """A goal of a figure: at most `value`, or at least `value` if `at_least`, in the unit of the figure."""

    value: float
    at_least: bool = False

    def is_met_by(self, value: float) -> bool:
        return value >= self.value if self.at_least else value <= self.value

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.value:,g}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value. `about`: details, such as sizes and parts of the value."""

    name: str
    value: float
    unit: str = ""
    goal: Goal | None = None
    about: str = ""

    @property
    def conclusion(self) -> str:
        if self.goal is None:
            return ""
        return "met" if self.goal.is_met_by(self.value) else "MISSED"


def print_table(figures: Iterable[Figure]) -> None:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in ("figure", "measured", "", "goal", "", "about"):
        table.add_column(column, justify="right" if column in ("measured", "goal") else "left", overflow="fold")
    for figure in figures:
        style = "red" if figure.conclusion == "MISSED" else ""
        goal = str(figure.goal) if figure.goal else ""
        table.add_row(
            figure.name, f"{figure.value:,g}", figure.unit, goal, Text(figure.conclusion, style), figure.about
        )
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 160
    console.print(table)


def as_json(figures: Iterable[Figure], machine: dict[str, Any]) -> str:
    entries = [
        {
            "name": figure.name,
            "value": figure.value,
            "unit": figure.unit,
            "goal": str(figure.goal) if figure.goal else None,
            "met": figure.goal.is_met_by(figure.value) if figure.goal else None,
        }
        for figure in figures
    ]
    return json.dumps({"machine": machine, "figures": entries}, ensure_ascii=False, indent=2)
