"""The finding of a health check about one aspect, and its level."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

MINUTE_MS = 60_000


class Level(StrEnum):
    """`broken`: contacts do not get their messages, or soon will not. `needs_person`: a decision is due."""

    OK = "ok"
    NEEDS_PERSON = "needs_person"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Finding:
    """
    The state of one aspect.

    `name`: one of `ASPECTS`. `sentence`: begins in lower case and has no full stop, so that it can be part of a longer
    one. `cure`: what to do or to know, in whole sentences; "" when there is nothing to do.
    """

    name: str
    level: Level
    sentence: str
    cure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """
    The limits beyond which an aspect is broken, ms.

    `late_ms`: how long deliveries and jobs may be overdue. `behind_ms`: how long Notion may be behind. `outage_ms`: how
    long the open circuit of a provider excuses the deliveries and jobs that wait for it.
    """

    late_ms: int = 5 * MINUTE_MS
    behind_ms: int = 30 * MINUTE_MS
    outage_ms: int = 0


def problems_of(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings that are not OK, `BROKEN` ones first."""
    problems = [finding for finding in findings if finding.level is not Level.OK]
    return sorted(problems, key=lambda finding: finding.level is not Level.BROKEN)


def worst_level(findings: Iterable[Finding]) -> Level:
    levels = {finding.level for finding in findings}
    return next((level for level in (Level.BROKEN, Level.NEEDS_PERSON) if level in levels), Level.OK)
