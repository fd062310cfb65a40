"""What `advent check` finds."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class CheckReport:
    """
    `problems` make the check fail, `warnings` do not.

    `notes` say what was checked, what was fixed, and what could not be checked.
    """

    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
