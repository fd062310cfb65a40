"""Is all well? Each aspect of a running system judged by itself, in words for a person, from what was read of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from common.ledger.reads.store_stats import StoreStats

MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Aspect:
    """`name`: one word; `ok`: False makes the whole unwell; `said`: what is so, and what to do when it is not well."""

    name: str
    ok: bool
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """In ms: for how long mail may be due and unsent, and Notion behind."""

    late_ms: int = 5 * MINUTE_MS
    behind_ms: int = 30 * MINUTE_MS


def of_gateway(ready: Mapping[str, Any] | None, url: str) -> Iterator[Aspect]:
    """`ready`: the body of its `/ready`; None when it does not answer."""
    if ready is None:
        yield Aspect("gateway", False, f"{url} does not answer; start it, or look into its log")
        return
    dependencies = ready["dependencies"]
    ok = ready["status"] == "ready"
    yield Aspect("gateway", ok, "takes events" if ok else "takes nothing: neither store nor spool can be written")
    events, trouble = dependencies["spool"]["events"], dependencies["spool"]["status"]
    if events:
        wait = "1 event waits" if events == 1 else f"{events} events wait"
        yield Aspect("spool", False, f"{wait} for the store; given to it when it is back")
    elif trouble != "writable":
        yield Aspect("spool", False, f"{trouble}; with the store away signups would be lost: make room, mend the disk")
    else:
        yield Aspect("spool", True, "empty")


def of_store(found: StoreStats | None, error: str = "") -> Iterator[Aspect]:
    """`found`: None when the store does not answer, for the reason in `error`."""
    if found is None:
        yield Aspect("store", False, f"does not answer ({error}); signups go to the spool and workers wait: start it")
        return
    broken = [name for name, kept in found.safe.items() if not kept]
    cure = "; `advent check` says which setting to change"
    said = f"does not keep what it is given ({', '.join(broken)}){cure}" if broken else "answers, durable"
    yield Aspect("store", not broken, said)


def of_work(found: StoreStats, limits: Limits) -> Iterator[Aspect]:
    """Workers, what is due, the providers, Notion, jobs that failed, dead letters."""
    yield Aspect("workers", found.workers > 0, f"{found.workers} alive" if found.workers else "none; start one")
    yield _due(found, limits)
    for provider in ("resend", "notion"):
        circuit = found.circuits.get(provider)
        held_ms = max(0, found.at_ms - circuit.since_ms) if circuit else 0
        said = f"everybody waits for it, for {_span(held_ms)}; `advent status` says why" if circuit else "ok"
        yield Aspect(provider, circuit is None, said)
    behind = found.mirror_lag_ms > limits.behind_ms
    said = (
        f"{found.changed} behind, the oldest for {_span(found.mirror_lag_ms)}" if found.changed else "shows everything"
    )
    yield Aspect("mirror", not behind, said)
    failed = {name: queue.failed for name, queue in found.queues.items() if queue.failed}
    said = ", ".join(f"{number} in {name}" for name, number in failed.items())
    why = "hot_lead_not_announced" if failed.keys() == {"announce"} else "job_failed"
    yield Aspect("failed", True, f"{said}; `{why}` in the log says why" if failed else "none")
    dead = "1 dead letter" if found.dead == 1 else f"{found.dead or 'no'} dead letters"
    yield Aspect("dead", True, f"{dead}; `advent dead list`" if found.dead else dead)


def _due(found: StoreStats, limits: Limits) -> Aspect:
    said = f"{found.due_unsent} due and unsent, the oldest for {_span(found.due_unsent_ms)}"
    if found.pause:
        return Aspect("due", True, f"the campaign is paused; {said}")
    return Aspect("due", found.due_unsent_ms <= limits.late_ms, said if found.due_unsent else "nothing is late")


def _span(ms: int) -> str:
    return f"{ms // MINUTE_MS} min" if ms >= 2 * MINUTE_MS else f"{ms // 1000} s"
