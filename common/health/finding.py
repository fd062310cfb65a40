"""What a health check finds of one aspect, and how bad it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

MINUTE_MS = 60_000


class Level(StrEnum):
    """`broken`: contacts do not get what they were promised, or soon will not. `needs_person`: a decision is due."""

    OK = "ok"
    NEEDS_PERSON = "needs_person"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Finding:
    """
    One aspect: its name (of `ASPECTS`), how bad it is, and what is so.

    `sentence` begins in lower case and has no full stop, so that it can be part of a longer one. `cure`: what to do or
    to know, in whole sentences; "" when nothing needs doing.
    """

    name: str
    level: Level
    sentence: str
    cure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """
    In ms: how long deliveries and jobs may be overdue, and Notion behind.

    `outage_ms`: how long a provider's open circuit excuses what waits for it.
    """

    late_ms: int = 5 * MINUTE_MS
    behind_ms: int = 30 * MINUTE_MS
    outage_ms: int = 0


def problems_of(findings: Iterable[Finding]) -> list[Finding]:
    """Those that are not OK, the broken first."""
    problems = [finding for finding in findings if finding.level is not Level.OK]
    return sorted(problems, key=lambda finding: finding.level is not Level.BROKEN)


def worst_level(findings: Iterable[Finding]) -> Level:
    levels = {finding.level for finding in findings}
    return next((level for level in (Level.BROKEN, Level.NEEDS_PERSON) if level in levels), Level.OK)
