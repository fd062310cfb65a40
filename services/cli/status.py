"""`advent status`"""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from common.formatting import duration
from services.cli.shared import json_option, print_json, print_table, settings_with_store

if TYPE_CHECKING:
    from common.health_summary import HealthSummary
    from common.ledger.reads.store_stats import OpenCircuit, StoreStats


@click.command()
@json_option
def command(as_json: bool) -> None:
    """Say whether all is well; then how many people and deliveries are in which state, and what is due."""
    from common.health_summary import summarize
    from services.cli.health import check_store, local_gateway_findings

    settings = settings_with_store()
    findings, stats = asyncio.run(check_store(settings))
    health = summarize([*local_gateway_findings(settings), *findings], stats)
    if as_json:
        print_json({"level": health.level, "sentence": health.sentence, **figures(stats)})
        return
    _print_health(health)
    for line in _pauses(stats):
        click.secho(line, fg="red")
    print_table(["", ""], [(f"{number:>8,}", what) for number, what in _lines(stats) if number])
    rows = [row for row in _queue_rows(stats) if any(row[1:])]
    if rows:
        click.echo()
        print_table(["queue", "#ready", "#delayed", "#failed"], rows)


def _print_health(health: HealthSummary) -> None:
    from common.health_checks import Level

    colors = {Level.OK: "green", Level.NEEDS_PERSON: "yellow", Level.BROKEN: "red"}
    click.secho(f"{health.sentence}.", fg=colors[health.level], bold=True)
    for problem in health.problems:
        click.echo(f"  {problem.cure}")
    click.echo()


def figures(stats: StoreStats) -> dict[str, Any]:
    """Return the figures under the names of the documentation. *sent* is what the provider accepted."""
    return {
        "enrolled": sum(stats.enrollments.values()),
        **stats.enrollments,
        "sent": stats.sent,
        "due_next_hour": stats.due_next_hour,
        "due_next_day": stats.due_next_day,
        "dead_letters": stats.dead_letters,
        "deliveries": dict(stats.deliveries),
        "overdue": stats.overdue,
        "suppressed": stats.suppressed,
        "changed": stats.mirror_behind,
        "mirror_lag_ms": stats.mirror_lag_ms,
        "unread_bookings": stats.unread_bookings,
        "unmarked_calls": stats.unmarked_calls,
        "held_signups": sum(stats.held_signups.values()),
        "resting": stats.resting,
        "queues": _queues(stats),
        "workers": stats.workers_alive,
        "circuits": {provider: _circuit(provider, circuit) for provider, circuit in stats.circuits.items()},
        "pause": asdict(stats.pause) if stats.pause else None,
        "paused_campaigns": {key: asdict(pause) for key, pause in stats.paused_campaigns.items()},
        "paused_people": stats.paused_contacts,
    }


def _queue_rows(stats: StoreStats) -> list[tuple[str, int, int, int]]:
    return [(name, queue["ready"], queue["delayed"], queue["failed"]) for name, queue in _queues(stats).items()]


def _queues(stats: StoreStats) -> dict[str, dict[str, int]]:
    return {
        name: {
            "delayed": queue.scheduled + queue.due,
            "ready": queue.ready + queue.in_flight,
            "failed": queue.failed,
        }
        for name, queue in stats.queues.items()
    }


def _lines(stats: StoreStats) -> list[tuple[int, str]]:
    lag = f", the oldest for {duration(stats.mirror_lag_ms)}" if stats.mirror_behind else ""
    dead = "dead letters (advent dead list)" if stats.dead_letters else "dead letters"
    return [
        _line(sum(stats.enrollments.values()), "person enrolled", "people enrolled"),
        (stats.enrollments["accepted"], "accepted, not yet classified"),
        (stats.enrollments["active"], "active"),
        (stats.enrollments["completed"], "completed"),
        (stats.enrollments["exited"], "left early"),
        _line(stats.sent, "delivery sent", "deliveries sent"),
        _line(stats.deliveries.get("skipped", 0), "delivery skipped", "deliveries skipped"),
        _line(stats.due_next_hour, "delivery due in the next hour", "deliveries due in the next hour"),
        (stats.due_next_day, "in the next day"),
        (stats.overdue, "overdue"),
        _line(stats.dead_letters, "dead letter (advent dead list)", dead),
        _line(stats.mirror_behind, f"person not up to date in Notion{lag}", f"people not up to date in Notion{lag}"),
        _line(stats.unread_bookings, "booking event to read by hand", "booking events to read by hand"),
        _line(
            stats.unmarked_calls,
            "unmarked call (advent bookings unmarked)",
            "unmarked calls (advent bookings unmarked)",
        ),
        _line(
            sum(stats.held_signups.values()), "signup held (advent signups held)", "signups held (advent signups held)"
        ),
        _line(stats.resting, "address resting (advent release)", "addresses resting (advent release)"),
        _line(stats.suppressed, "address suppressed", "addresses suppressed"),
        _line(stats.workers_alive, "worker alive", "workers alive"),
    ]


def _line(number: int, one: str, several: str) -> tuple[int, str]:
    return number, one if number == 1 else several


def _circuit(provider: str, circuit: OpenCircuit) -> dict[str, Any]:
    """Return why work waits for a provider, since when, when it is tried next, and the cure if there is one."""
    from common.providers.cures import cure_of

    return {
        "reason": circuit.reason,
        "since_ms": circuit.since_ms,
        "next_probe_ms": circuit.until_ms,
        "cure": cure_of(provider, circuit.reason),
    }


def _pauses(stats: StoreStats) -> list[str]:
    from services.cli.pause import pause_line

    lines = [f"everybody is paused {pause_line(stats.pause)}"] if stats.pause else []
    lines += [f"the campaign {key} is paused {pause_line(pause)}" for key, pause in stats.paused_campaigns.items()]
    if stats.paused_contacts:
        who = "one person is" if stats.paused_contacts == 1 else f"{stats.paused_contacts} single people are"
        lines.append(f"{who} paused (advent resume --contact EMAIL)")
    return lines
