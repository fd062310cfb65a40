"""Is all well? One sentence, and for each thing that is not: what it means and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from common.ledger.constants import HEARTBEAT_TIMEOUT_MS
from common.providers.matrix import cure_of
from services.console.evidence import Known
from services.console.queries import QueueSeen, Seen
from services.console.words import count, span

LATE_MS = 60_000
"""A job that is due is begun within milliseconds; this much later something holds it up."""
BEHIND_MS = 30 * 60_000
"""Notion follows at its own rate; a person who is not shown for longer is a reason to look."""
SILENT_MS = HEARTBEAT_TIMEOUT_MS


@dataclass(frozen=True, slots=True)
class Finding:
    """`what` is a clause of the sentence; `cure`: a sentence of its own, what to do or to know."""

    what: str
    cure: str


@dataclass(frozen=True, slots=True)
class Decision:
    """`unknown`: the store is away, or was never seen."""

    state: Literal["well", "trouble", "unknown"]
    sentence: str
    findings: tuple[Finding, ...]


def verdict(known: Known, *, now_ms: int) -> Decision:
    """`sentence` has no full stop, so that the age of the evidence can follow."""
    if known.seen is None or known.away_since_ms is not None:
        return _unknown(known, now_ms)
    findings = tuple(_findings(known.seen, known.spooled))
    if not findings:
        return Decision("well", f"All is well: {_how_well(known.seen)}", ())
    return Decision("trouble", f"Not all is well: {_joined([finding.what for finding in findings])}", findings)


def alive(seen: Seen) -> int:
    """Workers that gave a sign of life just before this look."""
    return sum(worker.silent_ms <= SILENT_MS for worker in seen.workers)


def _unknown(known: Known, now_ms: int) -> Decision:
    cure = "Signups are kept on the gateway's disk meanwhile, and mail waits. Start the store, or correct REDIS_URL."
    if known.away_since_ms is None:
        return Decision("unknown", "Nothing is known yet: the store is being asked", ())
    what = f"the data store has not answered for {span(now_ms - known.away_since_ms)}"
    return Decision("unknown", f"Nobody can tell: {what}", (Finding(what, cure),))


def _how_well(seen: Seen) -> str:
    people = sum(seen.counts.people.values())
    if not people:
        return f"{count(alive(seen), 'worker')} ready, and nobody has signed up yet"
    return f"{count(alive(seen), 'worker')} at work, nothing late, no dead letters"


def _findings(seen: Seen, spooled: int | None) -> Iterator[Finding]:
    """The gravest first."""
    if not alive(seen):
        yield Finding("no worker is alive", "Nothing is sent until one is. Start one with `advent worker`.")
    if seen.weak:
        yield Finding("the data store is not as it should be", " ".join(_sentence(line) for line in seen.weak))
    yield from _held(seen)
    yield from _late(seen)
    if seen.counts.dead:
        letters, waits = count(seen.counts.dead, "dead letter"), "waits" if seen.counts.dead == 1 else "wait"
        yield Finding(f"{letters} {waits} for a decision", "Replay or discard them below.")
    yield from _failed(seen)
    if spooled:
        yield Finding(
            f"{count(spooled, 'event')} on the gateway's disk",
            "They came while the store was away and are given to it now. If that lasts, look at the gateway's log.",
        )
    if seen.counts.mirror_lag_ms > BEHIND_MS:
        behind = f"Notion is {span(seen.counts.mirror_lag_ms)} behind"
        yield Finding(behind, "Mail is not affected. `advent check` says whether a column or a share is missing.")


_WAITS = {
    "resend": "mail waits for Resend",
    "notion": "Notion waits",
    "calcom": "the comparison of bookings waits for Cal.com",
}


def _held(seen: Seen) -> Iterator[Finding]:
    if seen.counts.pause is not None:
        yield Finding(
            "the campaign is paused",
            "`advent resume --plan` shows what becomes of what is overdue; without --plan it goes ahead.",
        )
    for provider, circuit in seen.counts.circuits.items():
        reason = circuit.reason
        cure = cure_of(provider, reason) or "It is asked again by itself, and all goes on when it answers."
        yield Finding(f"{_WAITS[provider]} ({reason})", _sentence(cure))


def _late(seen: Seen) -> Iterator[Finding]:
    explained = seen.counts.pause is not None or "resend" in seen.counts.circuits
    for name, queue in seen.queues.items():
        if queue.late_ms > LATE_MS and not (name == "send" and explained):
            yield Finding(_late_words(name, queue), _late_cure(seen, name))


def _late_words(name: str, queue: QueueSeen) -> str:
    late = count(queue.ready, "mail" if name == "send" else f"{name} job")
    verb = "is" if queue.ready == 1 else "are"
    return f"{late} {verb} late, the first by {span(queue.late_ms)}"


def _late_cure(seen: Seen, name: str) -> str:
    if not alive(seen):
        return "A worker that starts takes them at once."
    if name == "send":
        return "More is due than Resend's rate lets through (RESEND_REQUESTS_PER_SECOND), or the workers stand still."
    return "The workers cannot keep up or stand still: look at their log."


def _failed(seen: Seen) -> Iterator[Finding]:
    by_queue = {name: queue.failed for name, queue in seen.queues.items()}
    unheard = by_queue.pop("announce", 0)
    if unheard:
        yield Finding(
            f"{count(unheard, 'hot lead')} could not be announced",
            "The log says what the channel answered (`hot_lead_not_announced`); HOT_LEAD_WEBHOOK_URL says which it is.",
        )
    failed = sum(by_queue.values())
    if failed:
        yield Finding(
            f"{count(failed, 'job')} failed by our own mistake",
            "The log has its traceback (`job_failed`). The job can be seen, requeued and deleted at /dramatiq/.",
        )


def _sentence(line: str) -> str:
    return line[:1].upper() + line[1:].rstrip(".") + "."


def _joined(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])}, and {parts[-1]}"
