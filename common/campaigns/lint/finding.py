"""One thing that a lint found in a campaign."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Finding:
    """
    `where`: a file, perhaps with its line, or a mail by its name. `rule`: one word for programs. `problem`: what is
    wrong, and the cure. `is_error`: the mail must not go out so; else it is advice. `is_note`: nothing is wrong.
    """

    where: str
    rule: str
    problem: str
    is_error: bool = False
    is_note: bool = False

    @property
    def line_of_text(self) -> str:
        level = "error" if self.is_error else "note" if self.is_note else "advice"
        return f"{level}: {self.where}: {self.problem} [{self.rule}]"

    @property
    def fields(self) -> dict[str, Any]:
        return {
            "where": self.where,
            "rule": self.rule,
            "problem": self.problem,
            "is_error": self.is_error,
            "is_note": self.is_note,
        }
