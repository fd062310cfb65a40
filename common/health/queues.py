"""Findings about processing: workers, holds and pauses, queues and their failed jobs."""

from __future__ import annotations

from collections.abc import Mapping

from common.formatting import count, duration
from common.health.finding import Finding, Level, Limits
from common.ledger.constants import SENDING_QUEUES
from common.ledger.reads.store_stats import StoreStats


def check_workers(stats: StoreStats) -> Finding:
    if stats.workers_alive:
        return Finding("workers", Level.OK, f"{stats.workers_alive} alive")
    cure = "Nothing is sent until one is. Start one with `advent worker`."
    sentence = "no worker is alive"
    if stats.workers:
        sentence += f", the last heartbeat was {duration(min(worker.silent_ms for worker in stats.workers))} ago"
        cure = "Nothing is sent until one is. Look at its log, restart it, or start one with `advent worker`."
    return Finding("workers", Level.BROKEN, sentence, cure)


def check_hold(stats: StoreStats) -> Finding:
    if not stats.holds:
        return Finding("hold", Level.OK, "sending is not held")
    sentences, cures = [], []
    for name, hold in stats.holds.items():
        worker = name.partition("/")[2]
        who = f"worker {worker} sends nothing" if worker else "nothing is sent"
        sentences.append(f"{who}, for {duration(stats.at_ms - hold.since_ms)}: {hold.why}")
        cures.append(hold.cure)
    return Finding("hold", Level.BROKEN, "; ".join(sentences), " ".join(dict.fromkeys(cures)))


def stops_of(stats: StoreStats) -> tuple[Finding, ...]:
    """Return the findings because of which no worker sends anything to anybody. Pauses are not among them."""
    held = {name.partition("/")[2] for name in stats.holds}
    alive = {worker.id for worker in stats.workers if worker.is_alive}
    is_held = stats.is_all_held or (bool(alive) and alive <= held)
    stops = ((check_workers(stats), not alive), (check_hold(stats), is_held))
    return tuple(finding for finding, is_stop in stops if is_stop)


def check_pause(stats: StoreStats) -> Finding:
    paused = {"everybody": "`advent resume --plan`"} if stats.pause is not None else {}
    for key in stats.paused_campaigns:
        paused[f"the campaign {key}"] = f"`advent resume --campaign {key} --plan`"
    if paused:
        shows = f"{' and '.join(paused.values())} show{'s' if len(paused) == 1 else ''}"
        cure = "The console's page Schedule shows what happens to what is overdue, and resumes."
        cure += f" In a terminal {shows} it; without --plan it goes ahead."
        return Finding("pause", Level.NEEDS_PERSON, " and ".join(f"{who} is paused" for who in paused), cure)
    if stats.paused_contacts:
        return Finding("pause", Level.OK, f"{count(stats.paused_contacts, 'person', 'people')} individually paused")
    return Finding("pause", Level.OK, "not paused")


def check_jobs(stats: StoreStats, limits: Limits) -> Finding:
    """Check the queues, except those of sending, which `due` covers, and `notion_sync`, which `mirror` covers."""
    late = {
        name: queue
        for name, queue in stats.queues.items()
        if queue.oldest_ms > limits.late_ms and name not in (*SENDING_QUEUES, "notion_sync")
    }
    if not late:
        return Finding("jobs", Level.OK, "none is late")
    parts = [f"{queue.due + queue.ready:,} in {name} for {duration(queue.oldest_ms)}" for name, queue in late.items()]
    cure = "The workers cannot keep up or are stalled: look at their log."
    if not stats.workers_alive:
        cure = "They are processed as soon as a worker starts."
    return Finding("jobs", Level.BROKEN, f"jobs are late: {', '.join(parts)}", cure)


def check_failed(stats: StoreStats) -> Finding:
    failed = {name: queue.failed for name, queue in stats.queues.items() if queue.failed}
    if not failed:
        return Finding("failed", Level.OK, "none")
    leads = failed.pop("announce", 0)
    sentences, cures = [], []
    if jobs := sum(failed.values()):
        sentences.append(f"{count(jobs, 'job')} failed with an internal error ({_listed(failed)})")
        cures.append("The log has the traceback (`job_failed`). The console's page Queues requeues or deletes the job.")
    if leads:
        sentences.append(f"{count(leads, 'hot lead')} could not be announced")
        cures.append("The log has the channel's answer (`hot_lead_not_announced`); HOT_LEAD_WEBHOOK_URL names it.")
    return Finding("failed", Level.NEEDS_PERSON, ", and ".join(sentences), " ".join(cures))


def _listed(numbers: Mapping[str, int]) -> str:
    return ", ".join(f"{number} in {name}" for name, number in numbers.items())
