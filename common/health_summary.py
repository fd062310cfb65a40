"""The findings of a health check in one sentence: the same on the console, from `advent health` and `advent status`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from common.formatting import count
from common.health_checks import Finding, Level, problems_of, worst_level
from common.ledger.reads.store_stats import StoreStats

EXIT_STATUS: Final = {Level.OK: 0, Level.BROKEN: 1, Level.NEEDS_PERSON: 3}
"""Of `advent health`: an upgrade stops, and a watchdog wakes somebody, for 1 only."""


@dataclass(frozen=True, slots=True)
class HealthSummary:
    """`sentence`: without a full stop. `problems`: the findings that are not OK, the broken first."""

    level: Level
    sentence: str
    problems: tuple[Finding, ...]


def summarize(findings: Iterable[Finding], stats: StoreStats | None) -> HealthSummary:
    """`stats`: None where the store does not answer, which is a finding then."""
    found = [*findings]
    problems = tuple(problems_of(found))
    if problems:
        sentence = f"Not all is well: {joined([each.sentence for each in problems])}"
    else:
        sentence = f"All is well: {_healthy(stats)}" if stats is not None else "All is well"
    return HealthSummary(worst_level(found), sentence, problems)


def joined(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])}, and {parts[-1]}"


def _healthy(stats: StoreStats) -> str:
    workers = count(stats.workers_alive, "worker")
    if not sum(stats.enrollments.values()) and not stats.due_unsent:
        return f"{workers} ready, and nobody has signed up yet"
    paused = [f"{count(stats.paused_people, 'person', 'people')} paused by name"] if stats.paused_people else []
    due = f"{stats.due_unsent:,} due and about to be sent" if stats.due_unsent else "nothing late"
    return ", ".join([f"{workers} at work", due, "no dead letters", *paused])
