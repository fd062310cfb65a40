"""The words of an audit: what a finding is, and for how long something may be late before it is one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from common.domain.cadence import Cadence

HEALED_MS = 600_000
"""What lost its place in the schedule is put back within a minute; after ten, nobody will."""
LONG_MS = 86_400_000
"""An outage of workers, or a backlog, is over after this long."""

Kind = Literal["missing", "doubled", "unexplained"]


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """
    `email`: whose it is. `step`: 1…7, or 0 for the person as a whole, or a reminder. `what`: for the operator.

    `reminder`: which one, `start_ms/24h`, or "".
    """

    kind: Kind
    email: str
    step: int
    what: str
    reminder: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """`is_waiting`: the campaign is paused, or the provider is in trouble, and everybody waits."""

    now_ms: int
    cadence: Cadence
    is_waiting: bool = False
