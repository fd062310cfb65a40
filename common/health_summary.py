"""The findings of a health check in one sentence: the same on the console, from `advent health` and `advent status`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from common.formatting import count
from common.health_checks import Finding, Level, problems_of, worst_level
from common.ledger.reads.store_stats import StoreStats

EXIT_STATUS: Final = {Level.OK: 0, Level.BROKEN: 1, Level.NEEDS_PERSON: 3}
"""The exit status of `advent health`. Only 1 stops an upgrade and makes a watchdog alert a person."""


@dataclass(frozen=True, slots=True)
class HealthSummary:
    """`sentence`: has no full stop. `problems`: the findings that are not OK, `BROKEN` ones first."""

    level: Level
    sentence: str
    problems: tuple[Finding, ...]


def summarize(findings: Iterable[Finding], stats: StoreStats | None) -> HealthSummary:
    """Summarize findings. `stats`: None when the store does not answer; the findings then say so."""
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
    paused = (
        [f"{count(stats.paused_contacts, 'person', 'people')} individually paused"] if stats.paused_contacts else []
    )
    due = f"{stats.due_unsent:,} due and about to be sent" if stats.due_unsent else "nothing late"
    return ", ".join([f"{workers} at work", due, "no dead letters", *paused])
