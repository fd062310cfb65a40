"""`advent status`"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from common.domain.delivery import DeliveryStatus
from services.cli.shared import clock_time, json_option, now_ms, print_json, print_table, span, with_ledger

if TYPE_CHECKING:
    from common.ledger.reads.store_stats import OpenCircuit, StoreStats


@click.command()
@json_option
def command(as_json: bool) -> None:
    """Show how many people and deliveries are where, what is due, and whether anything is in trouble."""
    from common.ledger.reads.store_stats import read_store_stats

    now = now_ms()
    found = with_ledger(lambda ledger: read_store_stats(ledger, now_ms=now))
    if as_json:
        print_json(figures(found))
        return
    print_table(["", ""], [(f"{number:>8}", what) for number, what in _lines(found)])
    click.echo()
    rows = [(name, queue.ready, queue.delayed, queue.failed) for name, queue in found.queues.items()]
    print_table(["queue", "#ready", "#delayed", "#failed"], rows)
    for trouble in (*_pauses(found), *_troubles(found, now)):
        click.secho(trouble, fg="red")


def figures(found: StoreStats) -> dict[str, Any]:
    """The counts under the names of the documentation; *sent* is what the provider accepted."""
    return {
        "enrolled": sum(found.people.values()),
        **found.people,
        "sent": sum(found.deliveries.get(status.value, 0) for status in DeliveryStatus if status.is_sent),
        "due_next_hour": found.due_next_hour,
        "due_next_day": found.due_next_day,
        "overdue": found.overdue,
        "dead_letters": found.dead,
        "deliveries": dict(found.deliveries),
        "suppressed": found.suppressed,
        "changed": found.changed,
        "mirror_lag_ms": found.mirror_lag_ms,
        "unread_bookings": found.unread_bookings,
        "queues": {
            name: {"delayed": queue.delayed, "ready": queue.ready, "failed": queue.failed}
            for name, queue in found.queues.items()
        },
        "workers": found.workers,
        "circuits": {name: _circuit(name, circuit) for name, circuit in found.circuits.items()},
        "pause": asdict(found.pause) if found.pause else None,
        "paused_people": found.paused_people,
    }


def _lines(found: StoreStats) -> list[tuple[int, str]]:
    told = figures(found)
    skipped = found.deliveries.get("skipped", 0)
    unseen = "whom Notion does not show yet" + (
        f", the oldest for {span(found.mirror_lag_ms)}" if found.changed else ""
    )
    return [
        _line(told["enrolled"], "person enrolled", "people enrolled"),
        (told["accepted"], "accepted, not yet classified"),
        (told["active"], "active"),
        (told["completed"], "completed"),
        (told["exited"], "left early"),
        _line(told["sent"], "delivery sent", "deliveries sent"),
        _line(skipped, "delivery skipped", "deliveries skipped"),
        _line(found.due_next_hour, "delivery due in the next hour", "deliveries due in the next hour"),
        (found.due_next_day, "in the next day"),
        (found.overdue, "overdue"),
        _line(
            found.dead, "dead letter (advent dead list)", "dead letters" + (" (advent dead list)" * bool(found.dead))
        ),
        _line(found.changed, f"person {unseen}", f"people {unseen}"),
        _line(
            found.unread_bookings,
            "booking event to read by hand (advent bookings unread)",
            "booking events to read by hand" + (" (advent bookings unread)" * bool(found.unread_bookings)),
        ),
        _line(found.suppressed, "address suppressed", "addresses suppressed"),
        _line(found.workers, "worker alive", "workers alive"),
    ]


def _line(number: int, one: str, several: str) -> tuple[int, str]:
    return number, one if number == 1 else several


def _circuit(provider: str, circuit: OpenCircuit) -> dict[str, Any]:
    """Why everything waits for a provider, since when, when it is asked next, and a cure if there is one."""
    from common.providers.matrix import cure_of

    return {
        "reason": circuit.reason,
        "since_ms": circuit.since_ms,
        "next_probe_ms": circuit.until_ms,
        "cure": cure_of(provider, circuit.reason),
    }


def _troubles(found: StoreStats, now: int) -> list[str]:
    return [_trouble(name, _circuit(name, circuit), now) for name, circuit in found.circuits.items()]


def _trouble(name: str, told: dict[str, Any], now: int) -> str:
    waits = {"resend": "mail", "calcom": "the comparison of bookings"}.get(name, "the mirror")
    wait_ms = told["next_probe_ms"] - now
    asked = f"asked again in {span(wait_ms)}" if wait_ms > 0 else "being asked again"
    cure = f"; {told['cure']}" if told["cure"] else ""
    since = clock_time(told["since_ms"])
    return f"{name} is in trouble: {told['reason']}; {waits} waits since {since} UTC, {asked}{cure}"


def _pauses(found: StoreStats) -> list[str]:
    from services.cli.pause import words

    lines = [f"everybody is paused {words(found.pause)}"] if found.pause else []
    if found.paused_people:
        who = "one person is" if found.paused_people == 1 else f"{found.paused_people} single people are"
        lines.append(f"{who} paused (advent resume --contact EMAIL)")
    return lines
