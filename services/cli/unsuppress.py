"""`advent unsuppress ADDRESS --consent TEXT`"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from common.domain.enrollment import ExitReason
from common.domain.ids import normal_address
from services.cli.arguments import address
from services.cli.error_lines import CommandFailed
from services.cli.shared import now_ms, record_action, user_name, with_world
from services.cli.suppress import warn_unchanged_list

if TYPE_CHECKING:
    from actors.suppression_list import ListNotChanged
    from common.ledger.suppressions import Unsuppressed
    from common.world import World


@click.command()
@click.argument("email", metavar="ADDRESS", callback=address)
@click.option("--consent", required=True, metavar="TEXT", help="How and when the person asked for mail; recorded.")
def command(email: str, consent: str) -> None:
    """
    Allow mail again to a person who asked to come back.

    Their entry in Resend's list is removed first, except in TESTING_MODE. A sequence that has ended stays ended; the
    person gets reminders, and campaigns that they sign up for later. The command refuses this after a complaint,
    because mail to people who complained harms the delivery of all mail.
    """
    text = " ".join(consent.split())
    if not text:
        raise click.UsageError("--consent: is empty; say how and when the person asked for mail")
    who = normal_address(email)
    outcome, unchanged = with_world(lambda world: _unsuppress(world, who, text))
    if outcome == "complained":
        raise CommandFailed(f"{who} complained about our mail and stays suppressed; nobody may undo that")
    click.echo(f"{who} may receive mail again" if outcome == "done" else f"{who} was not suppressed here")
    warn_unchanged_list(unchanged)


async def _unsuppress(world: World, address: str, consent: str) -> tuple[Unsuppressed, ListNotChanged | None]:
    """Return (the outcome, why Resend's list was not changed or None)."""
    from actors.suppression_list import IN_REHEARSAL

    suppressed = await world.ledger.suppressions.of(address)
    if suppressed is not None and suppressed.reason is ExitReason.COMPLAINED:
        return "complained", None
    assert world.suppression_list is not None
    if await world.suppression_list.origin_of(address) == "complaint":
        return "complained", None
    unchanged = IN_REHEARSAL if world.settings.is_rehearsal else None
    if unchanged is None:
        await world.suppression_list.remove(address)
    outcome = await world.ledger.suppressions.unsuppress(
        address, detail=f"by {user_name()}; consent: {consent}", now_ms=now_ms()
    )
    if outcome == "done":
        contact = await world.ledger.mailboxes.find(address)
        await record_action(world.ledger, "unsuppress", [contact], before="suppressed", after="with consent")
    return outcome, unchanged
