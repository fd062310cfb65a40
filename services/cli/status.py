"""`advent status`"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from common.formatting import duration
from services.cli.shared import json_option, now_ms, print_json, print_table, with_ledger

if TYPE_CHECKING:
    from common.ledger.reads.store_stats import OpenCircuit, StoreStats


@click.command()
@json_option
def command(as_json: bool) -> None:
    """Show how many people and deliveries are in which state, what is due, and what is wrong."""
    from common.health_checks import Level, check_health, problems_of
    from common.ledger.reads.store_stats import read_store_stats

    now = now_ms()
    stats = with_ledger(lambda ledger: read_store_stats(ledger, now_ms=now))
    if as_json:
        print_json(figures(stats))
        return
    print_table(["", ""], [(f"{number:>8}", what) for number, what in _lines(stats)])
    click.echo()
    rows = [(name, queue["ready"], queue["delayed"], queue["failed"]) for name, queue in _queues(stats).items()]
    print_table(["queue", "#ready", "#delayed", "#failed"], rows)
    for line in _pauses(stats):
        click.secho(line, fg="red")
    for finding in problems_of(check_health(stats)):
        if finding.name != "pause":
            color = "red" if finding.level is Level.BROKEN else "yellow"
            click.secho(f"{finding.sentence}. {finding.cure}", fg=color)


def figures(stats: StoreStats) -> dict[str, Any]:
    """The names of the documentation; *sent* is what the provider accepted."""
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
        "paused_people": stats.paused_people,
    }


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
    """Why work waits for a provider, since when, when it is tried next, and a cure if there is one."""
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
    if stats.paused_people:
        who = "one person is" if stats.paused_people == 1 else f"{stats.paused_people} single people are"
        lines.append(f"{who} paused (advent resume --contact EMAIL)")
    return lines
