"""`advent contact EMAIL`"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from common.domain.ids import enrollment_id, normal_address
from services.cli.address import address
from services.cli.cures import CommandFailed
from services.cli.shared import clock_time, json_option, now_ms, print_json, print_table, span, with_ledger

if TYPE_CHECKING:
    from common.ledger.ledger import Ledger
    from common.ledger.pauses import Pause
    from common.ledger.reads.contact_timeline import ContactTimeline


@click.command()
@click.argument("email", callback=address)
@json_option
def command(email: str, as_json: bool) -> None:
    """Show one person's whole timeline: what happened, what is next and when. Times are UTC."""
    person = with_ledger(lambda ledger: _look_up(ledger, normal_address(email)), plans=True)
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
    if person["consent"] is not None:
        click.echo(_consent_line(person["consent"]))
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
    from common.ledger.reads.contact_timeline import read_contact_timeline

    story = await read_contact_timeline(ledger, enrollment_id(ledger.campaign, email))
    if story is None:
        raise CommandFailed(
            f"{email} is not enrolled in {ledger.campaign}; look for another spelling, or another CAMPAIGN"
        )
    return {
        "paused": _pause(story.paused),
        "everybody_paused": _pause(story.everybody_paused),
        "enrollment_id": story.enrollment_id,
        "email": story.email,
        "first_name": story.first_name,
        "segment": story.segment,
        "status": story.status,
        "exit_reason": story.exit_reason,
        "happened": [asdict(entry) for entry in story.happened],
        "next": [asdict(planned) for planned in story.next],
        **_details(story),
    }


def _details(found: ContactTimeline) -> dict[str, Any]:
    """What was said with the signup: fields that were not used as they were sent, and the consent."""
    notes = [{"at": note.at_ms, "field": note.field, "what": note.what, "kept": note.kept} for note in found.notes]
    return {"notes": notes, "consent": asdict(found.consent) if found.consent else None}


def _consent_line(consent: dict[str, Any]) -> str:
    at = f"at {clock_time(consent['at_ms'])} UTC" if consent["at_ms"] is not None else ""
    return "consent: " + " · ".join(filter(None, (consent["text"], consent["source"], at)))


def _pause(pause: Pause | None) -> dict[str, Any] | None:
    return asdict(pause) if pause else None


def _pause_words(told: dict[str, Any]) -> str:
    from common.ledger.pauses import Pause
    from services.cli.pause import words

    return words(Pause(**told))
