"""What `advent check` has found."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Findings:
    """`problems` make the check fail; `notes` say what was looked at, what was mended, and what could not be asked."""

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
