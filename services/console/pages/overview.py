"""The overview: is all well, the counts, what needs a decision, providers, queues and workers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from aiohttp import web

from common.clock import iso
from common.formatting import count, duration
from common.health_checks import Finding, Level, Limits, check_health, problems_of
from common.ledger.dead_letters import DeadLetter
from common.ledger.reads.store_stats import QueueStats, StoreStats
from common.versions.played import differs_line
from services.console.context import CONTEXT, ConsoleContext
from services.console.pages.dead_letters import message_of, rows_of
from services.console.replies import page
from services.console.status.status_cache import Status
from services.console.status.store_snapshot import StoreSnapshot


async def show(request: web.Request) -> web.Response:
    context = request.app[CONTEXT]
    status = await context.status_cache.newest()
    now_ms, snapshot = context.clock.now_ms(), status.snapshot
    letters = snapshot.dead_letters if snapshot else ()
    return page(
        request,
        "overview.html",
        gateway=status.gateway,
        snapshot=snapshot,
        stats=snapshot.stats if snapshot else None,
        health=summarize(status, now_ms=now_ms),
        rows=rows_of(letters, now_ms=now_ms),
        rates=_rates(context),
        message=message_of(request),
        files_differ=_files_differ(context),
        here="/",
    )


async def show_json(request: web.Request) -> web.Response:
    """The same for programs; without any address."""
    context = request.app[CONTEXT]
    status = await context.status_cache.newest()
    body = _body(status, now_ms=context.clock.now_ms())
    return web.json_response(body, status=503 if status.snapshot is None else 200)


def _files_differ(context: ConsoleContext) -> str | None:
    differing = context.versions.differing if context.versions else ()
    return differs_line(differing) if differing else None


def _body(status: Status, *, now_ms: int) -> dict[str, Any]:
    health, snapshot = summarize(status, now_ms=now_ms), status.snapshot
    head = {
        "status": health.state,
        "sentence": health.sentence,
        "findings": [
            {"name": each.name, "level": each.level, "what": each.sentence, "cure": each.cure}
            for each in health.findings
        ],
        "store": "up" if status.away_since_ms is None and snapshot else "away",
    }
    if snapshot is None:
        return {**head, "seen_at": None, "age_ms": None}
    at_ms = snapshot.stats.at_ms
    spooled = status.gateway.spool_events if status.gateway else None
    figures = {**_figures(snapshot.stats), **_details(snapshot), "spooled": spooled}
    return {**head, "seen_at": iso(at_ms), "age_ms": max(0, now_ms - at_ms), **figures}


def _figures(stats: StoreStats) -> dict[str, Any]:
    return {
        "people": {"enrolled": sum(stats.enrollments.values()), **stats.enrollments},
        "deliveries": {"sent": stats.sent, **stats.deliveries},
        "due_next_hour": stats.due_next_hour,
        "due_next_day": stats.due_next_day,
        "overdue": stats.overdue,
        "suppressed": stats.suppressed,
        "dead_letters": stats.dead_letters,
        "pause": asdict(stats.pause) if stats.pause else None,
        "paused_people": stats.paused_people,
        "mirror": {"behind": stats.mirror_behind, "lag_ms": stats.mirror_lag_ms},
        "workers": [
            {"id": worker.id, "silent_ms": worker.silent_ms, "in_hand": worker.in_flight} for worker in stats.workers
        ],
        "queues": {name: _queue(queue) for name, queue in stats.queues.items()},
    }


def _queue(queue: QueueStats) -> dict[str, int]:
    return {
        "delayed": queue.scheduled,
        "ready": queue.due + queue.ready,
        "in_hand": queue.in_flight,
        "failed": queue.failed,
        "late_ms": queue.oldest_ms,
    }


def _details(snapshot: StoreSnapshot) -> dict[str, Any]:
    stats = snapshot.stats
    providers = {
        name: {"circuit": _circuit(stats, name), "budget": asdict(budget)} for name, budget in snapshot.budgets.items()
    }
    for name in (
        stats.circuits.keys() - snapshot.budgets.keys()
    ):  # Without a budget here: only while its circuit is open.
        providers[name] = {"circuit": _circuit(stats, name), "budget": None}
    return {
        "newest_dead_letters": [_dead_letter(letter) for letter in snapshot.dead_letters],
        "providers": providers,
        "store_warnings": list(snapshot.warnings),
    }


def _circuit(stats: StoreStats, provider: str) -> dict[str, Any] | None:
    circuit = stats.circuits.get(provider)
    if circuit is None:
        return None
    return {"reason": circuit.reason, "since": iso(circuit.since_ms), "asked_again": iso(circuit.until_ms)}


def _dead_letter(letter: DeadLetter) -> dict[str, Any]:
    return {
        "id": letter.id,
        "buried_at": iso(letter.dead_since_ms),
        "reason": letter.reason,
        "attempts": letter.attempts,
        "may_have_been_accepted": letter.outcome_unknown,
    }


def _rates(context: ConsoleContext) -> dict[str, str]:
    """How many requests each provider may get, in words."""
    return {
        "resend": f"{context.settings.resend_requests_per_second:g} a second",
        "notion": f"{context.settings.notion_requests_per_minute:,} a minute",
    }


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
