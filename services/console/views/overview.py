"""The overview: is all well, how many are where, what waits for a decision, providers, workers and queues."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from aiohttp import web

from common.clock import iso
from common.domain.delivery import DeliveryStatus
from common.ledger.dead_letters import DeadLetter
from common.ledger.reads.store_stats import StoreStats
from services.console.desk import DESK, Desk
from services.console.evidence import Known
from services.console.queries import Seen
from services.console.replies import page
from services.console.verdict import SILENT_MS, verdict
from services.console.views import letters


async def show(request: web.Request) -> web.Response:
    desk = request.app[DESK]
    known = await desk.evidence.newest()
    now_ms = desk.clock.now_ms()
    seen = known.seen
    return page(
        request,
        "overview.html",
        known=known,
        seen=seen,
        verdict=verdict(known, now_ms=now_ms),
        sent=_sent(seen.counts) if seen else 0,
        letters=letters.shown(seen.letters, campaign=desk.ledger.campaign, now_ms=now_ms) if seen else [],
        rates=_rates(desk),
        silent_ms=SILENT_MS,
        said=letters.said(request),
        here="/",
    )


async def as_json(request: web.Request) -> web.Response:
    """The same for programs; nobody's address is in it."""
    desk = request.app[DESK]
    known = await desk.evidence.newest()
    status = 503 if known.seen is None else 200
    return web.json_response(_told(known, now_ms=desk.clock.now_ms()), status=status)


def _told(known: Known, *, now_ms: int) -> dict[str, Any]:
    found = verdict(known, now_ms=now_ms)
    head = {
        "status": found.state,
        "sentence": found.sentence,
        "findings": [{"what": finding.what, "cure": finding.cure} for finding in found.findings],
        "store": "up" if known.away_since_ms is None and known.seen else "away",
    }
    seen = known.seen
    if seen is None:
        return {**head, "seen_at": None, "age_ms": None}
    return {**head, "seen_at": iso(seen.at_ms), "age_ms": max(0, now_ms - seen.at_ms), **_figures(seen, known)}


def _figures(seen: Seen, known: Known) -> dict[str, Any]:
    counts = seen.counts
    return {
        "people": {"enrolled": sum(counts.people.values()), **counts.people},
        "deliveries": {"sent": _sent(counts), **counts.deliveries},
        "due_next_hour": counts.due_next_hour,
        "due_next_day": counts.due_next_day,
        "overdue": counts.overdue,
        "suppressed": counts.suppressed,
        "dead_letters": counts.dead,
        "newest_dead_letters": [_letter(letter) for letter in seen.letters],
        "pause": asdict(counts.pause) if counts.pause else None,
        "paused_people": counts.paused_people,
        "providers": {
            name: {
                "circuit": _circuit(counts, name),
                "budget": {
                    "capacity": budget.capacity,
                    "window_ms": budget.window_ms,
                    "used": budget.used,
                    "held_ms": budget.held_ms,
                },
            }
            for name, budget in seen.budgets.items()
        }
        # Nobody waits for it but the comparison of bookings, so it is there only when it is in trouble.
        | ({"calcom": {"circuit": _circuit(counts, "calcom"), "budget": None}} if "calcom" in counts.circuits else {}),
        "mirror": {"behind": counts.changed, "lag_ms": counts.mirror_lag_ms},
        "workers": [
            {"id": worker.id, "silent_ms": worker.silent_ms, "in_hand": worker.in_hand} for worker in seen.workers
        ],
        "queues": {
            name: {
                "delayed": queue.delayed,
                "ready": queue.ready,
                "in_hand": queue.in_hand,
                "failed": queue.failed,
                "late_ms": queue.late_ms,
            }
            for name, queue in seen.queues.items()
        },
        "spooled": known.spooled,
        "store_warnings": list(seen.weak),
    }


def _circuit(counts: StoreStats, provider: str) -> dict[str, Any] | None:
    circuit = counts.circuits.get(provider)
    if circuit is None:
        return None
    return {
        "reason": circuit.reason,
        "since": iso(circuit.since_ms),
        "asked_again": iso(circuit.until_ms),
    }


def _letter(letter: DeadLetter) -> dict[str, Any]:
    return {
        "id": letter.id,
        "buried_at": iso(letter.dead_since_ms),
        "reason": letter.reason,
        "attempts": letter.attempts,
        "may_have_been_accepted": letter.outcome_unknown,
    }


def _sent(counts: StoreStats) -> int:
    return sum(counts.deliveries.get(fate.value, 0) for fate in DeliveryStatus if fate.is_sent)


def _rates(desk: Desk) -> dict[str, str]:
    """What each provider may be asked, in words."""
    return {
        "resend": f"{desk.settings.resend_requests_per_second:g} a second",
        "notion": f"{desk.settings.notion_requests_per_minute:,} a minute",
    }
