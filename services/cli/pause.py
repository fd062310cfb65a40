"""`advent pause`"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from common.domain.ids import normal_address
from services.cli.arguments import address
from services.cli.error_lines import CommandFailed
from services.cli.shared import clock_time, json_option, now_ms, print_json, record_action, user_name, with_ledger

if TYPE_CHECKING:
    from common.ledger.ledger import Ledger
    from common.ledger.pauses import Pause


@click.command()
@click.option("--contact", callback=address, metavar="EMAIL", help="Pause mail to one person instead of all mail.")
@click.option("--campaign", metavar="NAME", help="Pause one campaign instead of all mail.")
@click.option("--reason", default="", help="Why; shown by status and contact until the pause ends.")
@json_option
def command(contact: str | None, campaign: str | None, reason: str, as_json: bool) -> None:
    """
    Stop all mail, the mail of one campaign, or the mail to one person, until `advent resume`.

    Nothing is lost or skipped: signups and bookings are accepted, the schedule stays, and due mail waits. A mail that
    is being sent at this moment is still sent.
    """
    refuse_both(contact, campaign)
    pause, began = with_ledger(lambda ledger: _pause(ledger, contact, campaign, reason))
    if as_json:
        print_json({"began": began, **pause_fields(pause, contact, campaign)})
        return
    name = campaign or (normal_address(contact) if contact else "everybody")
    click.echo(f"paused {name}" if began else f"{name} is already paused: {pause_line(pause)}")


def refuse_both(contact: str | None, campaign: str | None) -> None:
    """Raises click.UsageError when both are named."""
    if contact is not None and campaign is not None:
        raise click.UsageError("--contact and --campaign exclude each other; name one of them")


async def known_scopes(ledger: Ledger, contact: str | None, campaign: str | None) -> list[str | None]:
    """
    Return the scopes for `Pauses`: [None] for all mail, or a campaign's scope, or one person's ids in each campaign.

    Raises CommandFailed for a campaign that is not played, or an address that has neither signed up nor booked.
    """
    from common.ledger.pauses import campaign_scope

    if campaign is not None:
        if campaign not in ledger.campaigns:
            raise CommandFailed(f"{campaign} is not played here; there are: {', '.join(ledger.campaigns)}")
        return [campaign_scope(campaign)]
    if contact is None:
        return [None]
    known: list[str | None] = []
    for scope in await ledger.mailboxes.in_campaigns(normal_address(contact)):
        if await ledger.enrollments.get(scope) or await ledger.bookings.unenrolled(scope):
            known.append(scope)
    if not known:
        raise CommandFailed(f"{contact} is not known in {', '.join(ledger.campaigns)}; try another spelling")
    return known


def pause_line(pause: Pause) -> str:
    """Return a text such as `since 2025-11-24 09:09:00 UTC by ada: the sender's domain moves`."""
    return f"since {clock_time(pause.since_ms)} UTC by {pause.by}" + (f": {pause.reason}" if pause.reason else "")


def pause_fields(pause: Pause | None, contact: str | None, campaign: str | None = None) -> dict[str, Any]:
    """Return the pause for `--json`."""
    fields = {"since_ms": pause.since_ms, "by": pause.by, "reason": pause.reason} if pause else None
    of_campaign = {"campaign": campaign} if campaign else {}
    return {"contact": normal_address(contact) if contact else None, **of_campaign, "pause": fields}


async def _pause(ledger: Ledger, contact: str | None, campaign: str | None, reason: str) -> tuple[Pause, bool]:
    from common.ledger.pauses import Pause

    new = Pause(since_ms=now_ms(), by=user_name(), reason=reason.strip())
    scopes = await known_scopes(ledger, contact, campaign)
    found = [await ledger.pauses.start(scope, new) for scope in scopes]
    if any(began for _, began in found):
        # A reason about one person is not stored in the action log, because `advent forget` does not erase it there.
        why = new.reason if contact is None else ""
        await record_action(ledger, "pause", [scope or "everybody" for scope in scopes], after="paused", why=why)
    return next((one for one in found if one[1]), found[0])
