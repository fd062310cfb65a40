"""How many new contacts may begin in an hour, so that nobody floods strangers with mail through us."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Bound(StrEnum):
    """The bound that a held signup is beyond: that of all signups, or that of one visitor of the website."""

    HOUR = "hour"
    SOURCE = "source"


BEYOND = {
    Bound.HOUR: "beyond SIGNUPS_PER_HOUR",
    Bound.SOURCE: "beyond SIGNUPS_PER_SOURCE_PER_HOUR of one visitor",
}
"""Each as an operator reads it: with the setting that decides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignupBounds:
    """New contacts in any hour: of all, and of one visitor. None: no bound."""

    per_hour: int | None = None
    per_source: int | None = None


NO_BOUNDS = SignupBounds()
