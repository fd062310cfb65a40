"""A finding of the lint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Finding:
    """
    One problem that the lint found in a campaign.

    `where`: a file, perhaps with a line, or the name of a mail. `rule`: the name of the rule. `problem`: what is wrong,
    and the fix. `is_error`: the mail must not be sent like this; False: it is only advice. `is_note`: nothing is wrong.
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
