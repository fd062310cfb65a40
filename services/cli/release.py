"""`advent release ADDRESS`"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from common.domain.ids import normal_address
from services.cli.arguments import address
from services.cli.shared import now_ms, record_action, user_name, with_ledger

if TYPE_CHECKING:
    from common.ledger.ledger import Ledger


@click.command()
@click.argument("email", metavar="ADDRESS", callback=address)
def command(email: str) -> None:
    """
    Resume mail to an address that is resting because its mailbox refused several mails in a row.

    Waiting mail continues within ten minutes, in its order. A reminder is skipped if its call has begun.
    """
    who = normal_address(email)
    done = with_ledger(lambda ledger: _release(ledger, who))
    click.echo(f"{who} receives mail again" if done else f"{who} was not resting")


async def _release(ledger: Ledger, address: str) -> bool:
    done = await ledger.suppressions.release(address, detail=f"resting, by {user_name()}", now_ms=now_ms())
    if done:
        await record_action(ledger, "release", [await ledger.mailboxes.find(address)], before="resting")
    return done
