"""`advent status`"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from common.domain.delivery import Fate
from services.cli.shared import json_option, now_ms, print_json, print_table, span, with_ledger

if TYPE_CHECKING:
    from common.ledger.answers import Counts


@click.command()
@json_option
def command(as_json: bool) -> None:
    """Show how many people and deliveries are where, what is due, and whether anything is in trouble."""
    from common.ledger.views import counts

    now = now_ms()
    found = with_ledger(lambda ledger: counts(ledger, now_ms=now))
    if as_json:
        print_json(figures(found))
        return
    print_table(["", ""], [(f"{number:>8}", what) for number, what in _lines(found)])
    click.echo()
    rows = [(name, depth["ready"], depth["delayed"], depth["failed"]) for name, depth in found.queues.items()]
    print_table(["queue", "#ready", "#delayed", "#failed"], rows)
    for trouble in _troubles(found, now):
        click.secho(trouble, fg="red")


def figures(found: Counts) -> dict[str, Any]:
    """The counts under the names of the documentation; *sent* is what the provider accepted."""
    rest = asdict(found)
    people = rest.pop("people")
    return {
        "enrolled": sum(people.values()),
        **people,
        "sent": sum(found.deliveries.get(fate.value, 0) for fate in Fate if fate.is_sent),
        "due_next_hour": rest.pop("due_next_hour"),
        "due_next_day": rest.pop("due_next_day"),
        "dead_letters": rest.pop("dead"),
        **rest,
    }


def _lines(found: Counts) -> list[tuple[int, str]]:
    told = figures(found)
    lag = f"people whom Notion does not show yet, the oldest for {span(found.mirror_lag_ms)}"
    return [
        (told["enrolled"], "people enrolled"),
        (told["accepted"], "accepted, not yet classified"),
        (told["active"], "active"),
        (told["completed"], "completed"),
        (told["exited"], "left early"),
        (told["sent"], "deliveries sent"),
        (found.deliveries.get("skipped", 0), "deliveries skipped"),
        (found.due_next_hour, "deliveries due in the next hour"),
        (found.due_next_day, "in the next day"),
        (found.overdue, "overdue"),
        (found.dead, "dead letters" + (" (advent dead list)" if found.dead else "")),
        (found.changed, lag if found.changed else "people whom Notion does not show yet"),
        (found.suppressed, "addresses suppressed"),
        (found.workers, "workers alive"),
    ]


def _troubles(found: Counts, now: int) -> list[str]:
    return [
        f"{name} is in trouble: {circuit.get('reason', '')}; everybody waits"
        + (f" {span(int(circuit['until']) - now)}" if int(circuit["until"]) > now else " for the next try")
        for name, circuit in found.circuits.items()
    ]
