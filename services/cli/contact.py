"""`advent contact EMAIL`"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from common.domain.delivery import Fate
from common.domain.ids import enrollment_id, normal_address
from services.cli.cures import CommandFailed
from services.cli.shared import clock_time, json_option, now_ms, print_json, print_table, span, with_ledger

if TYPE_CHECKING:
    from common.domain.enrollment import Enrollment
    from common.domain.standing import Caller
    from common.ledger.ledger import Ledger
    from common.ledger.pauses import Pause


@click.command()
@click.argument("email")
@json_option
def command(email: str, as_json: bool) -> None:
    """Show one person's whole timeline: what happened, what is next and when. Times are UTC."""
    person = with_ledger(lambda ledger: _look_up(ledger, normal_address(email)))
    if as_json:
        print_json(person)
        return
    now = now_ms()
    click.secho(" · ".join(filter(None, (person["first_name"], person["email"]))), bold=True)
    reason = f" ({person['exit_reason']})" if person["exit_reason"] else ""
    segment = f"{person['segment']} · " if person["segment"] else ""
    click.echo(f"{segment}{person['status']}{reason} · {person['enrollment_id']}")
    for whom, pause in (("paused", person["paused"]), ("everybody is paused", person["everybody_paused"])):
        if pause is not None:
            click.secho(f"{whom} {_pause_words(pause)}", fg="red")
    click.echo()
    past = [(clock_time(line["at_ms"]), "", line["what"], line["detail"]) for line in person["happened"]]
    planned = [
        (
            clock_time(line["due_ms"]),
            f"in {span(line['due_ms'] - now)}" if line["due_ms"] > now else "due",
            line["what"],
            "",
        )
        for line in person["next"]
    ]
    print_table(["when (UTC)", "", "what", ""], past + planned)


async def _look_up(ledger: Ledger, email: str) -> dict[str, Any]:
    from common.ledger.booking_views import caller, planned
    from common.ledger.pauses import standing
    from common.ledger.views import timeline

    identity = enrollment_id(ledger.campaign, email)
    enrollment = await ledger.enrollment(identity)
    if enrollment is None and await caller(ledger, identity) is None:
        raise CommandFailed(
            f"{email} is not enrolled in {ledger.campaign}; look for another spelling, or another CAMPAIGN"
        )
    steps = _planned(ledger, enrollment) if enrollment else []
    reminders = [{"what": what, "due_ms": due_ms} for due_ms, what in await planned(ledger, identity)]
    pauses = await standing(ledger)
    return {
        "paused": _pause(pauses.people.get(identity)),
        "everybody_paused": _pause(pauses.everybody),
        **(_enrolled(enrollment) if enrollment else _booked(identity, await caller(ledger, identity))),
        "happened": [
            {"at_ms": entry.at_ms, "what": entry.what, "detail": entry.detail}
            for entry in await timeline(ledger, identity)
        ],
        "next": sorted(steps + reminders, key=lambda line: line["due_ms"]),
    }


def _enrolled(enrollment: Enrollment) -> dict[str, Any]:
    return {
        "enrollment_id": enrollment.id,
        "email": enrollment.assessment.email,
        "first_name": enrollment.assessment.first_name,
        "segment": enrollment.segment,
        "status": enrollment.status,
        "exit_reason": enrollment.exit_reason,
    }


def _booked(identity: str, person: Caller | None) -> dict[str, Any]:
    """Somebody who booked a call and never signed up: the id is what their enrollment's would be."""
    assert person is not None
    return {
        "enrollment_id": identity,
        "email": person.email,
        "first_name": person.first_name or "",
        "segment": None,
        "status": "not enrolled",
        "exit_reason": None,
    }


def _planned(ledger: Ledger, enrollment: Enrollment) -> list[dict[str, Any]]:
    """The steps still to come; the one in the schedule at its own instant, which a hold or a gap may have moved."""
    steps = [step for step in range(1, ledger.cadence.length + 1) if enrollment.fate_of(step)[0] is Fate.PLANNED]
    dues = {step: ledger.cadence.due_ms(anchor_ms=enrollment.anchor_ms, step=step) for step in steps}
    if enrollment.next_step in dues and enrollment.next_due_ms is not None:
        dues[enrollment.next_step] = enrollment.next_due_ms
    return [{"what": f"step {step} planned", "due_ms": due_ms} for step, due_ms in dues.items()]


def _pause(pause: Pause | None) -> dict[str, Any] | None:
    return asdict(pause) if pause else None


def _pause_words(told: dict[str, Any]) -> str:
    from common.ledger.pauses import Pause
    from services.cli.pause import words

    return words(Pause(**told))
