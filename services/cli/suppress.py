"""`advent suppress ADDRESS`"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from common.domain.enrollment import ExitReason
from common.domain.ids import normal_address
from services.cli.arguments import address
from services.cli.shared import now_ms, record_action, user_name, with_world

if TYPE_CHECKING:
    from common.world import World

IN_REHEARSAL = "(TESTING_MODE is on, and the list holds for every campaign)"


@click.command()
@click.argument("email", metavar="ADDRESS", callback=address)
def command(email: str) -> None:
    """
    Send no further mail to an address, in any campaign, here and at Resend.

    What the contact waits for ends. It is recorded on their timeline. `advent unsuppress` ends it.
    """
    who = normal_address(email)
    is_new, problem = with_world(lambda world: _suppress(world, who))
    click.echo(f"{who} receives no further mail" if is_new else f"{who} was suppressed already")
    warn_unchanged_list(problem)


async def _suppress(world: World, address: str) -> tuple[bool, str | None]:
    is_new = await world.ledger.suppressions.suppress(
        address, ExitReason.SUPPRESSED, detail=f"by {user_name()}", now_ms=now_ms()
    )
    if is_new:
        await record_action(world.ledger, "suppress", [await world.ledger.mailboxes.find(address)], after="suppressed")
    return is_new, await list_at_resend(world, address)


async def list_at_resend(world: World, address: str) -> str | None:
    """Put an address on Resend's own list; why it was not changed, if it was not."""
    from common.errors import Failure

    assert world.suppression_list is not None
    if world.settings.is_rehearsal:
        return IN_REHEARSAL
    try:
        await world.suppression_list.add(address)
    except Failure as failure:
        return f"({failure.code}); repeat the command later"
    return None


def warn_unchanged_list(problem: str | None) -> None:
    """On stderr; None: it was changed."""
    if problem is not None:
        click.secho(f"advent: Resend's own suppression list was not changed {problem}", fg="yellow", err=True)
