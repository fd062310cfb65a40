"""`advent pause`"""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Any

import click

from common.domain.ids import EnrollmentId, enrollment_id, normal_address
from services.cli.address import address
from services.cli.cures import CommandFailed
from services.cli.shared import clock_time, json_option, now_ms, print_json, with_ledger

if TYPE_CHECKING:
    from common.ledger.ledger import Ledger
    from common.ledger.pauses import Pause


@click.command()
@click.option("--contact", callback=address, metavar="EMAIL", help="Pause one person instead of everybody.")
@click.option("--reason", default="", help="Why; shown by status and contact until it is resumed.")
@json_option
def command(contact: str | None, reason: str, as_json: bool) -> None:
    """
    Stop writing to everybody, or to one person, until `advent resume`.

    Nobody is lost or skipped: signups and bookings are taken, the schedule is kept, and what falls due waits. A mail
    that is being handed over at this moment still leaves.
    """
    whose, stands, began = with_ledger(lambda ledger: _pause(ledger, contact, reason))
    if as_json:
        print_json({"began": began, **told(stands, contact)})
        return
    whom = whose or "everybody"
    click.echo(f"paused {whom}" if began else f"{whom} is paused already: {words(stands)}")


def whose_is(ledger: Ledger, contact: str | None) -> EnrollmentId | None:
    """The person an address stands for; None for everybody."""
    return enrollment_id(ledger.campaign, normal_address(contact)) if contact is not None else None


async def known(ledger: Ledger, contact: str | None) -> EnrollmentId | None:
    """Likewise. Raises CommandFailed for somebody who has neither signed up nor booked."""
    whose = whose_is(ledger, contact)
    if whose is None or await ledger.enrollments.get(whose) or await ledger.bookings.unenrolled(whose):
        return whose
    raise CommandFailed(f"{contact} is not known in {ledger.campaign}; look for another spelling")


def words(pause: Pause) -> str:
    """`since 2025-11-24 09:09:00 UTC by ada: the sender's domain moves`"""
    return f"since {clock_time(pause.since_ms)} UTC by {pause.by}" + (f": {pause.reason}" if pause.reason else "")


def told(pause: Pause | None, contact: str | None) -> dict[str, Any]:
    """For programs."""
    stands = {"since_ms": pause.since_ms, "by": pause.by, "reason": pause.reason} if pause else None
    return {"contact": normal_address(contact) if contact else None, "pause": stands}


async def _pause(ledger: Ledger, contact: str | None, reason: str) -> tuple[str | None, Pause, bool]:
    from common.ledger.pauses import Pause

    said = Pause(since_ms=now_ms(), by=_me(), reason=reason.strip())
    stands, began = await ledger.pauses.start(await known(ledger, contact), said)
    return (normal_address(contact) if contact else None), stands, began


def _me() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no name
        return "the command line"
