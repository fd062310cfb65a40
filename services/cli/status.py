"""`advent status`"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from common.domain.delivery import DeliveryStatus
from services.cli.shared import clock_time, json_option, now_ms, print_json, print_table, span, with_ledger

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
    for trouble in (*_pauses(found), *_troubles(found, now)):
        click.secho(trouble, fg="red")


def figures(found: Counts) -> dict[str, Any]:
    """The counts under the names of the documentation; *sent* is what the provider accepted."""
    rest = asdict(found)
    people = rest.pop("people")
    rest["circuits"] = {name: _circuit(name, circuit) for name, circuit in found.circuits.items()}
    return {
        "enrolled": sum(people.values()),
        **people,
        "sent": sum(found.deliveries.get(fate.value, 0) for fate in DeliveryStatus if fate.is_sent),
        "due_next_hour": rest.pop("due_next_hour"),
        "due_next_day": rest.pop("due_next_day"),
        "dead_letters": rest.pop("dead"),
        **rest,
    }


def _lines(found: Counts) -> list[tuple[int, str]]:
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
        _line(found.suppressed, "address suppressed", "addresses suppressed"),
        _line(found.workers, "worker alive", "workers alive"),
    ]


def _line(number: int, one: str, several: str) -> tuple[int, str]:
    return number, one if number == 1 else several


def _circuit(provider: str, circuit: dict[str, str]) -> dict[str, Any]:
    """Why everybody waits for a provider, since when, when it is asked next, and a cure if there is one."""
    from common.providers.cures import cure_of

    reason = circuit.get("reason", "")
    return {
        "reason": reason,
        "since_ms": int(circuit.get("since", circuit["until"])),
        "next_probe_ms": int(circuit["until"]),
        "cure": cure_of(provider, reason),
    }


def _troubles(found: Counts, now: int) -> list[str]:
    return [_trouble(name, _circuit(name, circuit), now) for name, circuit in found.circuits.items()]


def _trouble(name: str, told: dict[str, Any], now: int) -> str:
    waits = {"resend": "mail", "calcom": "the comparison of bookings"}.get(name, "the mirror")
    wait_ms = told["next_probe_ms"] - now
    asked = f"asked again in {span(wait_ms)}" if wait_ms > 0 else "being asked again"
    cure = f"; {told['cure']}" if told["cure"] else ""
    since = clock_time(told["since_ms"])
    return f"{name} is in trouble: {told['reason']}; {waits} waits since {since} UTC, {asked}{cure}"


def _pauses(found: Counts) -> list[str]:
    from common.ledger.pauses import Pause
    from services.cli.pause import words

    lines = [f"everybody is paused {words(Pause(**found.pause))}"] if found.pause else []
    if found.paused_people:
        who = "one person is" if found.paused_people == 1 else f"{found.paused_people} single people are"
        lines.append(f"{who} paused (advent resume --contact EMAIL)")
    return lines
