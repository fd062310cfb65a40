"""`advent pause`"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from common.domain.ids import EnrollmentId, normal_address
from services.cli.arguments import address
from services.cli.error_lines import CommandFailed
from services.cli.shared import clock_time, json_option, now_ms, print_json, user_name, with_ledger

if TYPE_CHECKING:
    from common.ledger.ledger import Ledger
    from common.ledger.pauses import Pause


@click.command()
@click.option("--contact", callback=address, metavar="EMAIL", help="Pause one person instead of everybody.")
@click.option("--reason", default="", help="Why; shown by status and contact until the pause ends.")
@json_option
def command(contact: str | None, reason: str, as_json: bool) -> None:
    """
    Stop all mail, or mail to one person, until `advent resume`.

    Nothing is lost or skipped: signups and bookings are accepted, the schedule stays, and due mail waits. A mail that
    is being sent at this moment still goes out.
    """
    who, pause, began = with_ledger(lambda ledger: _pause(ledger, contact, reason))
    if as_json:
        print_json({"began": began, **pause_fields(pause, contact)})
        return
    name = who or "everybody"
    click.echo(f"paused {name}" if began else f"{name} is already paused: {pause_line(pause)}")


async def known_scope(ledger: Ledger, contact: str | None) -> EnrollmentId | None:
    """
    The enrollment id for an address; None for everybody.

    Raises CommandFailed for an address that has neither signed up nor booked.
    """
    if contact is None:
        return None
    scope = await ledger.mailboxes.find(normal_address(contact))
    if await ledger.enrollments.get(scope) or await ledger.bookings.unenrolled(scope):
        return scope
    raise CommandFailed(f"{contact} is not known in {ledger.campaign}; try another spelling")


def pause_line(pause: Pause) -> str:
    """`since 2025-11-24 09:09:00 UTC by ada: the sender's domain moves`"""
    return f"since {clock_time(pause.since_ms)} UTC by {pause.by}" + (f": {pause.reason}" if pause.reason else "")


def pause_fields(pause: Pause | None, contact: str | None) -> dict[str, Any]:
    """For `--json`."""
    fields = {"since_ms": pause.since_ms, "by": pause.by, "reason": pause.reason} if pause else None
    return {"contact": normal_address(contact) if contact else None, "pause": fields}


async def _pause(ledger: Ledger, contact: str | None, reason: str) -> tuple[str | None, Pause, bool]:
    from common.ledger.pauses import Pause

    new = Pause(since_ms=now_ms(), by=user_name(), reason=reason.strip())
    current, began = await ledger.pauses.start(await known_scope(ledger, contact), new)
    return (normal_address(contact) if contact else None), current, began
