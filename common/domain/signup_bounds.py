"""Limits on new contacts in an hour, so that nobody can use Advent to flood strangers with mail."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Bound(StrEnum):
    """The limit that a held signup exceeds: that of all signups, or that of one visitor of the website."""

    HOUR = "hour"
    SOURCE = "source"


LIMIT_TEXTS = {
    Bound.HOUR: "beyond SIGNUPS_PER_HOUR",
    Bound.SOURCE: "beyond SIGNUPS_PER_SOURCE_PER_HOUR of one visitor",
}
"""The text for operators, which names the setting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignupBounds:
    """The highest number of new contacts in any hour, in total and from one visitor. None: no limit."""

    per_hour: int | None = None
    per_source: int | None = None


NO_BOUNDS = SignupBounds()
