"""The findings of the health check in one sentence, as the head of the overview."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from common.formatting import count, duration
from common.health_checks import Finding, Level, Limits, check_health, problems_of
from common.ledger.reads.store_stats import StoreStats
from services.console.status.status_cache import Status

LIMITS = Limits(late_ms=60_000)
"""A job that is due starts within milliseconds: a minute later a person who looks should know."""


@dataclass(frozen=True, slots=True)
class HealthSummary:
    """`state`: `unknown` while the store does not answer. `sentence`: without a full stop; its age follows."""

    state: Literal["well", "trouble", "unknown"]
    sentence: str
    findings: tuple[Finding, ...]


def summarize(status: Status, *, now_ms: int) -> HealthSummary:
    if status.snapshot is None or status.away_since_ms is not None:
        return _unknown(status, now_ms)
    checked = check_health(
        status.snapshot.stats, gateway=status.gateway, warnings=status.snapshot.warnings, limits=LIMITS
    )
    findings = tuple(problems_of(checked))
    if not findings:
        return HealthSummary("well", f"All is well: {_healthy(status.snapshot.stats)}", ())
    return HealthSummary("trouble", f"Not all is well: {_joined([each.sentence for each in findings])}", findings)


def _unknown(status: Status, now_ms: int) -> HealthSummary:
    if status.away_since_ms is None:
        return HealthSummary("unknown", "Nothing is known yet: the store is being asked", ())
    what = f"the data store has not answered for {duration(now_ms - status.away_since_ms)}"
    cure = "Signups are kept on the gateway's disk meanwhile, and mail waits. Start the store, or correct REDIS_URL."
    return HealthSummary("unknown", f"Unknown: {what}", (Finding("store", Level.BROKEN, what, cure),))


def _healthy(stats: StoreStats) -> str:
    workers = count(stats.workers_alive, "worker")
    if not sum(stats.enrollments.values()):
        return f"{workers} ready, and nobody has signed up yet"
    return f"{workers} at work, nothing late, no dead letters"


def _joined(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])}, and {parts[-1]}"
