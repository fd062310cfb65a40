"""`advent contact EMAIL`"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from common.domain.ids import normal_address
from common.formatting import duration
from services.cli.arguments import address
from services.cli.error_lines import CommandFailed
from services.cli.shared import clock_time, json_option, now_ms, print_json, print_table, with_ledger

if TYPE_CHECKING:
    from common.ledger.ledger import Ledger
    from common.ledger.pauses import Pause


@click.command()
@click.argument("email", callback=address)
@json_option
def command(email: str, as_json: bool) -> None:
    """Show one person's whole timeline: what happened, what is next and when. Times are UTC."""
    person = with_ledger(lambda ledger: _look_up(ledger, normal_address(email)), plans=True)
    if as_json:
        print_json(person)
        return
    if person["status"] is None:
        click.echo(f"{person['email']} {no_mail_since(person['suppressed'])}; nothing else is kept about them")
        return
    now = now_ms()
    click.secho(" · ".join(filter(None, (person["first_name"], person["email"]))), bold=True)
    reason = f" ({person['exit_reason']})" if person["exit_reason"] else ""
    segment = f"{person['segment']} · " if person["segment"] else ""
    click.echo(f"{segment}{person['status']}{reason} · {person['enrollment_id']}")
    for who, pause in (("paused", person["paused"]), ("everybody is paused", person["everybody_paused"])):
        if pause is not None:
            click.secho(f"{who} {_pause_line(pause)}", fg="red")
    for line in _no_mail_lines(person):
        click.secho(line, fg="red")
    if person["consent"] is not None:
        click.echo(_consent_line(person["consent"]))
    click.echo()
    past = [(clock_time(line["at_ms"]), "", line["what"], line["detail"]) for line in person["happened"]]
    planned = [
        (
            clock_time(line["due_ms"]),
            f"in {duration(line['due_ms'] - now)}" if line["due_ms"] > now else "due",
            line["what"],
            "",
        )
        for line in person["next"]
    ]
    print_table(["when (UTC)", "", "what", ""], past + planned)


async def _look_up(ledger: Ledger, email: str) -> dict[str, Any]:
    from common.ledger.reads.contact_timeline import read_contact_timeline

    found = await read_contact_timeline(ledger, await ledger.mailboxes.find(email))
    no_mail = await _no_mail(ledger, email)
    if found is None and no_mail["suppressed"]:
        return {"email": email, "status": None, **no_mail}
    if found is None:
        raise CommandFailed(f"{email} is not enrolled in {ledger.campaign}; try another spelling, or another CAMPAIGN")
    return {
        "paused": _pause_fields(found.paused),
        "everybody_paused": _pause_fields(found.everybody_paused),
        "enrollment_id": found.enrollment_id,
        "email": found.email,
        "first_name": found.first_name,
        "segment": found.segment,
        "status": found.status,
        "exit_reason": found.exit_reason,
        **no_mail,
        "happened": [asdict(entry) for entry in found.happened],
        "next": [asdict(planned) for planned in found.next],
        "notes": [
            {"at": note.at_ms, "field": note.field, "what": note.what, "kept": note.kept} for note in found.notes
        ],
        "consent": asdict(found.consent) if found.consent else None,
    }


async def _no_mail(ledger: Ledger, email: str) -> dict[str, Any]:
    """Why this address gets no mail: for good (`suppressed`), or until it is released (`resting`)."""
    suppressed, resting = await ledger.suppressions.of(email), await ledger.suppressions.resting(email)
    return {
        "suppressed": asdict(suppressed) if suppressed else None,
        "resting": asdict(resting) if resting else None,
    }


def _no_mail_lines(person: dict[str, Any]) -> list[str]:
    lines = [no_mail_since(person["suppressed"])] if person["suppressed"] else []
    if person["resting"]:
        since = clock_time(person["resting"]["since_ms"])
        lines.append(f"resting since {since} UTC after {person['resting']['bounces']} mailbox bounces in a row")
    return lines


def no_mail_since(suppressed: dict[str, Any]) -> str:
    """`receives no mail since 2025-11-24 09:09:00 UTC (unsubscribed, forgotten)`"""
    why = f"{suppressed['reason']}, forgotten" if suppressed["is_forgotten"] else suppressed["reason"]
    return f"receives no mail since {clock_time(suppressed['since_ms'])} UTC ({why})"


def _consent_line(consent: dict[str, Any]) -> str:
    at = f"at {clock_time(consent['at_ms'])} UTC" if consent["at_ms"] is not None else ""
    return "consent: " + " · ".join(filter(None, (consent["text"], consent["source"], at)))


def _pause_fields(pause: Pause | None) -> dict[str, Any] | None:
    return asdict(pause) if pause else None


def _pause_line(pause: dict[str, Any]) -> str:
    from common.ledger.pauses import Pause
    from services.cli.pause import pause_line

    return pause_line(Pause(**pause))
