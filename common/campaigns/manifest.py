"""`campaign.toml`: what a campaign consists of and when its mails go out. A door, so pydantic stands here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from common.campaigns.files import read_toml, validated
from common.domain.cadence import Pace
from common.domain.segment import Segment

_UNITS_MS = {"s": 1_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION = re.compile(r"(\d+) ?(s|min|h|d)")


def duration_ms(value: object) -> int:
    """`"24h"`, `"30s"`, `"6min"`, `"2d"` as milliseconds."""
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError('write a duration as "30s", "6min", "24h" or "2d"')
    return int(match[1]) * _UNITS_MS[match[2]]


Duration = Annotated[int, BeforeValidator(duration_ms)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_min_length=1, str_strip_whitespace=True)


class SpanEntry(_Table):
    production: Duration
    testing: Duration


class StepEntry(_Table):
    name: str
    after: SpanEntry
    body: str | dict[Segment, str]
    """One file of `emails/` for everybody, or one for each segment."""


class ReminderEntry(_Table):
    name: str = Field(pattern=r"^[a-z0-9-]+$")
    before: SpanEntry
    body: str


class BookingEntry(_Table):
    nurture: Literal["continue", "pause", "stop"] = "continue"
    cancellation_resumes: bool = True
    minimum_notice: SpanEntry


class FooterEntry(_Table):
    emails: str
    reminders: str


class Manifest(_Table):
    name: str
    language: str = Field(pattern=r"^[a-z]{2}(-[A-Z]{2})?$")
    minimum_gap: SpanEntry
    steps: tuple[StepEntry, ...] = Field(min_length=1)
    reminders: tuple[ReminderEntry, ...] = ()
    booking: BookingEntry
    footer: FooterEntry


@dataclass(frozen=True, slots=True)
class Span:
    """A length of time in both modes, in milliseconds, at speed 1."""

    production_ms: int
    testing_ms: int

    def at(self, pace: Pace) -> int:
        """Milliseconds at this pace."""
        return pace.divided(self.testing_ms if pace.testing else self.production_ms)


def span(entry: SpanEntry) -> Span:
    return Span(entry.production, entry.testing)


def read_manifest(folder: Path) -> Manifest:
    """Raises CampaignError."""
    file = folder / "campaign.toml"
    return validated(Manifest, read_toml(file), file=file)
