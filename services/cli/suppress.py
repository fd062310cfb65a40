"""`advent suppress ADDRESS`"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from common.domain.enrollment import ExitReason
from common.domain.ids import normal_address
from services.cli.arguments import address
from services.cli.shared import now_ms, record_action, user_name, with_world

if TYPE_CHECKING:
    from actors.suppression_list import ListNotChanged
    from common.world import World


REPEAT = "repeat the command later"


@click.command()
@click.argument("email", metavar="ADDRESS", callback=address)
def command(email: str) -> None:
    """
    Send no further mail to an address, in any campaign, here and at Resend.

    Everything planned for the contact ends, and their timeline records it. `advent unsuppress` lifts the suppression.
    """
    who = normal_address(email)
    is_new, unchanged = with_world(lambda world: _suppress(world, who))
    click.echo(f"{who} receives no further mail" if is_new else f"{who} was suppressed already")
    warn_unchanged_list(unchanged)


async def _suppress(world: World, address: str) -> tuple[bool, ListNotChanged | None]:
    from actors.suppression_list import list_at_resend

    is_new = await world.ledger.suppressions.suppress(
        address, ExitReason.SUPPRESSED, detail=f"by {user_name()}", now_ms=now_ms()
    )
    if is_new:
        await record_action(world.ledger, "suppress", [await world.ledger.mailboxes.find(address)], after="suppressed")
    return is_new, await list_at_resend(world, [address])


def warn_unchanged_list(unchanged: ListNotChanged | None, *, then: str = REPEAT) -> None:
    """Warn on stderr, unless `unchanged` is None. `then`: what the user should do."""
    if unchanged is not None:
        click.secho(f"advent: {unchanged.sentence(then)}", fg="yellow", err=True)
