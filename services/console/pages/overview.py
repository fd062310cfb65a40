"""The overview: health, counts, what needs a decision, providers, queues and workers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from aiohttp import web

from common.clock import iso
from common.formatting import duration
from common.health_checks import Finding, Level, check_health, stops_of
from common.health_summary import summarize
from common.ledger.constants import CALENDAR, MAIL, MIRROR, TEXTS
from common.ledger.dead_letters import DeadLetter
from common.ledger.reads.queue_stats import QueueStats
from common.ledger.reads.store_stats import StoreStats
from common.providers.budget import CALENDAR_REQUESTS_PER_MINUTE
from services.console.context import CONTEXT, ConsoleContext
from services.console.pages.dead_letters import notice_of, rows_of
from services.console.replies import page
from services.console.status.status_cache import Status
from services.console.status.store_snapshot import StoreSnapshot


async def show(request: web.Request) -> web.Response:
    context = request.app[CONTEXT]
    status = await context.status_cache.newest()
    now_ms, snapshot = context.clock.now_ms(), status.snapshot
    letters = snapshot.dead_letters if snapshot else ()
    differing = await context.files_differ()
    return page(
        request,
        "overview.html",
        gateway=status.gateway,
        snapshot=snapshot,
        stats=snapshot.stats if snapshot else None,
        stops=stops_of(snapshot.stats) if snapshot else (),
        health=health_of(context, status, files_differ=differing),
        files_differ=bool(differing),
        rows=rows_of(letters, now_ms=now_ms),
        rates=_rates(context),
        providers=PROVIDERS,
        decided_at=DECIDED_AT,
        notice=notice_of(request.query),
        here="/",
    )


async def show_json(request: web.Request) -> web.Response:
    """Return the same as JSON for programs, without addresses."""
    context = request.app[CONTEXT]
    status = await context.status_cache.newest()
    body = _body(context, status, files_differ=await context.files_differ())
    return web.json_response(body, status=503 if status.snapshot is None else 200)


def _body(context: ConsoleContext, status: Status, *, files_differ: Sequence[str]) -> dict[str, Any]:
    health = health_of(context, status, files_differ=files_differ)
    snapshot, now_ms = status.snapshot, context.clock.now_ms()
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
        "paused_campaigns": {key: asdict(pause) for key, pause in stats.paused_campaigns.items()},
        "paused_people": stats.paused_contacts,
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
    ):  # A provider without a budget here is shown only while its circuit is open.
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


PROVIDERS = {MAIL: "Resend", MIRROR: "Notion", TEXTS: "Twilio", CALENDAR: "Cal.com"}

DECIDED_AT = {
    "failed": ("/queues", "Failed jobs"),
    "pause": ("/schedule", "Pause and resume"),
    "unread": ("/unread-bookings", "Unread bookings"),
    "unmarked": ("/unmarked-calls", "Unmarked calls"),
    "signups": ("/held-signups", "Release or discard"),
}
"""By the name of a finding: the path and the title of the page on which a user can resolve it."""


def _rates(context: ConsoleContext) -> dict[str, str]:
    """Return for each provider, in words, how many requests it may get."""
    settings = context.settings
    return {
        MAIL: f"{settings.resend_requests_per_second:g} a second",
        MIRROR: f"{settings.notion_requests_per_minute:,} a minute",
        TEXTS: f"{settings.twilio_requests_per_second:g} a second",
        CALENDAR: f"{CALENDAR_REQUESTS_PER_MINUTE} a minute",
    }


@dataclass(frozen=True, slots=True)
class ShownHealth:
    """
    The health as the page shows it.

    `state`: `unknown` while the store does not answer. `sentence`: without a full stop; the page appends its age.
    """

    state: Literal["well", "trouble", "unknown"]
    sentence: str
    findings: tuple[Finding, ...]


def health_of(context: ConsoleContext, status: Status, *, files_differ: Sequence[str]) -> ShownHealth:
    if status.snapshot is None or status.away_since_ms is not None:
        return _unknown(status, context.clock.now_ms())
    stats, warnings = status.snapshot.stats, status.snapshot.warnings
    found = check_health(stats, gateway=status.gateway, warnings=warnings, files_differ=files_differ)
    summary = summarize(found, stats)
    return ShownHealth("trouble" if summary.problems else "well", summary.sentence, summary.problems)


def _unknown(status: Status, now_ms: int) -> ShownHealth:
    if status.away_since_ms is None:
        return ShownHealth("unknown", "Nothing is known yet: the store is being read", ())
    what = f"the data store has not answered for {duration(now_ms - status.away_since_ms)}"
    cure = "Signups are kept on the gateway's disk meanwhile, and mail waits. Start the store, or correct REDIS_URL."
    return ShownHealth("unknown", f"Unknown: {what}", (Finding("store", Level.BROKEN, what, cure),))
